import { isAbsolute, resolve } from 'node:path';
import { AppError } from '../contracts/errors.ts';

/** A camera's address, read and checked once; drivers never see the text that somebody typed. */
export type CameraUrl =
  | { kind: 'auto' }
  | { kind: 'rpicam'; index: number }
  | { kind: 'v4l2'; device: string }
  | { kind: 'rtsp'; url: string }
  | { kind: 'file'; path: string }
  | { kind: 'sim'; scene: SimScene; fps: number; width: number; height: number }
  | { kind: 'http'; url: string }
  | { kind: 'relab'; url: string };

export type SimScene = 'shelf' | 'gradient';

const ALLOWED =
  'auto, rpicam:0, v4l2:/dev/video0, rtsp://user:password@host/path, file:clip.mp4, sim:shelf, sim:gradient, ' +
  'http://host:8001 or relab+http://host:8018';
const MAX_LENGTH = 2000;
const VIDEO_DEVICE = /^\/dev\/(video\d{1,3}|v4l\/by-(id|path)\/[A-Za-z0-9._:+-]{1,200})$/;
const SIM_LIMITS = { fps: [0.1, 60], width: [64, 3840], height: [48, 2160] } as const;
const DOTS = '••••';

/**
 * Reads a camera URL (CONTRACTS §2). What comes out holds only what its kind allows, so that it can go into the arguments of a
 * program: no option, no control character, no other protocol. Throws `camera.url_invalid` with what is allowed; never repeats a
 * password. Which addresses may be reached (CAMERA_URL_ALLOW) is decided elsewhere.
 */
export function parseCameraUrl(text: string): CameraUrl {
  const url = text.trim();
  if (url === '') throw refusal('it is empty');
  if (url.length > MAX_LENGTH) throw refusal(`it is longer than ${MAX_LENGTH} characters`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  if (/[\u0000-\u001f\u007f]/.test(url)) throw refusal('it holds a control character');
  if (url === 'auto') return { kind: 'auto' };
  const colon = url.indexOf(':');
  const scheme = url.slice(0, Math.max(colon, 0)).toLowerCase();
  const rest = url.slice(colon + 1);
  switch (scheme) {
    case 'rpicam':
      return parseRpicam(rest);
    case 'v4l2':
      if (!VIDEO_DEVICE.test(rest)) throw refusal('v4l2: takes a video device such as /dev/video0');
      return { kind: 'v4l2', device: rest };
    case 'file':
      return { kind: 'file', path: parsePath(rest) };
    case 'sim':
      return parseSim(rest);
    case 'rtsp':
    case 'rtsps':
      return { kind: 'rtsp', url: parseNetwork(url) };
    case 'http':
    case 'https':
      return { kind: 'http', url: parseNetwork(url) };
    case 'relab+http':
    case 'relab+https':
      return { kind: 'relab', url: parseNetwork(url.slice('relab+'.length)) };
    default:
      throw refusal(`${JSON.stringify(maskUrl(url).slice(0, 60))} is none of these`);
  }
}

/** A camera URL as logs, pages and errors may show it: without password, and without secrets in its query. */
export function maskUrl(text: string): string {
  return text
    .replaceAll(/([a-z][a-z0-9+.-]*:\/\/)([^/?#\s]*)@/gi, (_all, scheme: string, login: string) => {
      const user = login.includes(':') ? login.slice(0, login.indexOf(':')) : undefined;
      return user === undefined ? `${scheme}${DOTS}@` : `${scheme}${user}:${DOTS}@`;
    })
    .replaceAll(/([?&][^=&#\s]*(?:pass|pwd|token|key|secret|auth)[^=&#\s]*=)[^&#\s]*/gi, `$1${DOTS}`);
}

function parseRpicam(rest: string): CameraUrl {
  if (!/^\d$/.test(rest)) throw refusal('rpicam: takes the number of a camera, 0 to 9');
  return { kind: 'rpicam', index: Number(rest) };
}

function parsePath(rest: string): string {
  // file:///clip.mp4 is the long form of file:/clip.mp4; a host in between is not.
  const path = rest.startsWith('///') ? rest.slice(2) : rest;
  if (path === '' || path.startsWith('//')) throw refusal('file: takes the path of a clip on this machine');
  if (path.startsWith('-')) throw refusal('a path must not start with "-"');
  return isAbsolute(path) ? path : resolve(path);
}

function parseSim(rest: string): CameraUrl {
  const [scene, query = ''] = rest.split('?', 2);
  if (scene !== 'shelf' && scene !== 'gradient') throw refusal('the simulated scenes are sim:shelf and sim:gradient');
  const asked: { fps?: number; width?: number; height?: number } = {};
  for (const [name, value] of new URLSearchParams(query)) {
    if (name !== 'fps' && name !== 'width' && name !== 'height') {
      throw refusal(`sim: knows the options fps, width and height, not ${JSON.stringify(name)}`);
    }
    const [least, most] = SIM_LIMITS[name];
    const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
    if (!(number >= least && number <= most)) throw refusal(`${name} must be a number from ${least} to ${most}`);
    asked[name] = number;
  }
  const width = even(asked.width ?? (asked.height ? (asked.height * 16) / 9 : 1280));
  const height = even(asked.height ?? (asked.width ? (asked.width * 9) / 16 : 720));
  return { kind: 'sim', scene, fps: asked.fps ?? 30, width, height };
}

/** Even sides: chroma of JPEG and H.264 is halved. */
function even(pixels: number): number {
  return Math.max(2, 2 * Math.round(pixels / 2));
}

function parseNetwork(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw refusal(
      'the address cannot be read (write "@", "#", "/" and ":" inside a password as %40, %23, %2F, %3A)',
      cause,
    );
  }
  if (url.hostname === '') throw refusal('it names no host');
  if (url.hostname.startsWith('-') || decodeURIComponent(url.hostname).startsWith('-')) {
    throw refusal('a host must not start with "-"');
  }
  if (/\s/.test(text)) throw refusal('it holds a space (write %20)');
  return url.href;
}

function refusal(why: string, cause?: unknown): AppError {
  return new AppError('camera.url_invalid', `camera URL: ${why}; allowed is ${ALLOWED}`, { field: 'url' }, { cause });
}
