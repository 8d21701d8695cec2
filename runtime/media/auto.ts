import { access, constants, readdir, realpath } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { run } from '../lib/child-process.ts';
import { type CameraUrl, parseCameraUrl } from './camera-url.ts';

const USB_CAMERAS = '/dev/v4l/by-id';
const LIST_MS = 5000;
/** What is played where no camera is found. */
const STAND_IN = 'sim:gradient';

export interface AutoSearch {
  rpicamVid: readonly string[];
  /** folder of links to USB cameras; the video devices themselves also are codecs and sensors on a Raspberry Pi */
  usbFolder?: string;
  path?: string;
}

/**
 * What `auto` stands for on this machine: the Raspberry Pi's camera, else the first USB camera, else test pictures, in which case
 * `found` is false.
 */
export async function findCamera(search: AutoSearch): Promise<{ url: CameraUrl; found: boolean }> {
  const program = await findProgram(search.rpicamVid, search.path);
  if (program && (await hasPiCamera(program))) return { url: { kind: 'rpicam', index: 0 }, found: true };
  const device = await firstUsbCamera(search.usbFolder ?? USB_CAMERAS);
  if (device) return { url: { kind: 'v4l2', device }, found: true };
  return { url: parseCameraUrl(STAND_IN), found: false };
}

/** The first of the programs that is installed, as a path; undefined when none is. */
export async function findProgram(
  names: readonly string[],
  path: string = process.env.PATH ?? '',
): Promise<string | undefined> {
  for (const name of names) {
    const places = name.includes('/') ? [name] : path.split(delimiter).map((folder) => join(folder, name));
    for (const place of places) if (await isExecutable(place)) return place;
  }
  return undefined;
}

/** rpicam-vid lists cameras as `0 : imx708 [4608x2592 …]`, or says that there is none. */
async function hasPiCamera(program: string): Promise<boolean> {
  const limits = { timeoutMs: LIST_MS, maxOutputBytes: 256 * 1024 };
  try {
    const list = await run({ command: program, args: ['--list-cameras'], ...limits });
    return /^\s*0\s*:/m.test(list.toString('utf8'));
  } catch {
    // A program that cannot even list cameras has none.
    return false;
  }
}

async function firstUsbCamera(folder: string): Promise<string | undefined> {
  const names = await readdir(folder).catch(() => []);
  const [first] = names.filter((name) => name.endsWith('-video-index0')).sort();
  return first === undefined ? undefined : realpath(join(folder, first));
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
