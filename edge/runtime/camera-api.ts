import type { ApiAnswer, ApiHost, ApiRequest } from '../../runtime/contracts/api-host.ts';
import type { CameraSettingsChange } from '../../runtime/contracts/cameras.ts';
import { AppError, toAppError } from '../../runtime/contracts/errors.ts';
import type { OwnPictureMeta } from '../../runtime/contracts/gallery.ts';
import type { Log } from '../../runtime/contracts/host.ts';
import type { LocalAccess } from '../../runtime/contracts/remote-cameras.ts';
import { Turns } from '../../runtime/lib/turns.ts';
import { captureWith } from '../../runtime/media/capture-with.ts';
import type { AgentPort } from './agent-port.ts';
import type { CameraCommandParts } from './camera-commands.ts';
import { KEPT_MS, type KeptImages } from './kept-images.ts';

export interface CameraApiParts {
  /** DIALECT_CAMERA */
  dialectCamera?: string | undefined;
  device: string;
  cameras: CameraCommandParts['cameras'];
  isStreaming: CameraCommandParts['isStreaming'];
  images: KeptImages;
  /** what the server is to have of it */
  bring: AgentPort['bring'];
  /** how hot and how full this machine is */
  machine: () => Promise<{ temperature_c: number | null; disk_percent: number | null }>;
  /** one file of a camera's HLS; throws as `HlsService` */
  hls: (camera: string, name: string, query: URLSearchParams) => Promise<{ type: string; bytes: Buffer }>;
  /** how the device is reached in its own network */
  localAccess: () => LocalAccess;
  log: Log;
}

interface Asked {
  id: string;
  body: Record<string, unknown>;
  hasKey: boolean;
}

type Handler = (asked: Asked) => Promise<unknown>;

/** Requests that this device let in, for the flow behind its door, and whether they showed a key. */
const admitted = new WeakMap<object, { hasKey: boolean }>();

/** Notes that who sent the request may use the device. `hasKey`: by a key of it, not because OPEN_DIALECTS says so. */
export function admit(req: object, hasKey: boolean): void {
  admitted.set(req, { hasKey });
}

/**
 * The part of the product API that a device has for its own cameras, for flows that answer HTTP: capture, settings, pictures. Paths and
 * shapes are the server's. Whoever was let in by the device's key may do all of it; a message that no request stands behind may do nothing.
 */
export function createCameraApi(parts: CameraApiParts): ApiHost {
  const routes = routesOf(parts);
  return {
    dialectCamera: parts.dialectCamera,
    basePath: '',
    async call({ method, path, body }: ApiRequest, askedBy: unknown): Promise<ApiAnswer> {
      try {
        const who = typeof askedBy === 'object' && askedBy !== null ? admitted.get(askedBy) : undefined;
        if (!who) throw new AppError('auth.missing', 'nobody asks');
        const [plain = '', search = ''] = path.split('?', 2);
        const [, kind = '', id = '', rest = ''] = /^\/([a-z-]+)(?:\/([^/]+))?(?:\/(.+))?$/.exec(plain) ?? [];
        if (method === 'GET' && kind === 'cameras' && rest.startsWith('hls/')) {
          const name = rest.slice('hls/'.length);
          const { type, bytes } = await parts.hls(
            parts.cameras.resolve(decodeURIComponent(id)),
            name,
            new URLSearchParams(search),
          );
          return { status: 200, headers: { 'content-type': type }, body: bytes };
        }
        const name = `${method} ${kind}${id === '' || kind === 'auth' ? '' : '/:id'}${rest === '' ? '' : `/${rest}`}`;
        const handle = routes[name];
        if (!handle) throw new AppError('route.not_found', `there is nothing at ${method} ${plain}`);
        const asked = { id: decodeURIComponent(id), body: (body ?? {}) as Record<string, unknown>, ...who };
        return { status: method === 'POST' ? 201 : 200, headers: {}, body: await handle(asked) };
      } catch (thrown) {
        const error = toAppError(thrown);
        if (error.code === 'internal.error') parts.log.error('a request was not answered', { error: thrown });
        const { code, status, message } = error;
        return { status, headers: {}, body: { statusCode: status, message, code } };
      }
    },
  };
}

function routesOf({
  device,
  cameras,
  isStreaming,
  images,
  bring,
  machine,
  localAccess,
  log,
}: CameraApiParts): Record<string, Handler> {
  const row = (id: string) => {
    const {
      driver = '',
      state = 'idle',
      reason = null,
      lastFrameAt,
    } = cameras.list().find((one) => one.id === id) ?? {};
    const last_frame = lastFrameAt === undefined ? null : new Date(lastFrameAt).toISOString();
    return { id, name: id, device, driver, state, reason, last_frame, created_at: new Date(0).toISOString() };
  };
  const settingsOf = async (id: string) => ({
    ...(await cameras.settings(id)),
    connected: row(id).state !== 'failed',
    streaming: await isStreaming(id),
  });
  /** Captures of one camera take turns, since each may have an exposure of its own. */
  const turns = new Map<string, Turns>();
  const capture = async (id: string, { exposure, gain }: Record<string, unknown>) => {
    const wish = { exposure: exposure as number | undefined, gain: gain as number | undefined };
    const taken = await captureWith(cameras, id, wish, { log });
    const { still } = taken;
    const captured_at = new Date(still.capturedAt).toISOString();
    const { driver } = row(id);
    const kept = await images.keep(still.jpeg, fileNameOf(captured_at));
    const answer = {
      id: kept.id,
      camera: id,
      device,
      filename: kept.filename,
      image: `/images/${kept.id}`,
      captured_at,
      exposure: taken.exposure,
      gain: taken.gain,
      width: still.width,
      height: still.height,
      size: kept.size,
      metadata: { driver, quality: still.jpegQuality },
      expires_at: new Date(kept.keptAt + KEPT_MS).toISOString(),
    };
    return { answer, still };
  };
  type Taken = Awaited<ReturnType<typeof capture>>;
  /** Has the server get it too, with what was sent along. */
  const brought = async ({ answer, still }: Taken, upload: Upload) => {
    const { id, camera, width, height, exposure, gain, metadata } = answer;
    const { capturedAt, jpeg, jpegQuality } = still;
    const seen = { camera, captured_at: Math.round(capturedAt), width, height, jpeg_quality: jpegQuality };
    const meta = { ...seen, exposure, gain, ...(metadata.driver !== '' && { driver: metadata.driver }), ...upload };
    return { ...answer, status: (await bring(id, { jpeg, meta })).status };
  };
  return {
    'GET auth': async () => ({ id: 0, name: device, role: 'operator' }),
    'GET cameras': async () => ({ items: cameras.list().map(({ id }) => row(id)), next: null }),
    'GET cameras/:id': async ({ id }) => row(cameras.resolve(id)),
    async 'POST cameras/:id/capture'({ id, body }) {
      const camera = cameras.resolve(id);
      const own = turns.get(camera) ?? new Turns();
      turns.set(camera, own);
      // The next capture does not wait for the server.
      const taken = await own.take(() => capture(camera, body));
      return isUpload(body.upload) ? brought(taken, body.upload) : taken.answer;
    },
    'GET cameras/:id/settings': ({ id }) => settingsOf(cameras.resolve(id)),
    async 'PUT cameras/:id/settings'({ id, body }) {
      const camera = cameras.resolve(id);
      await cameras.applySettings(camera, body as CameraSettingsChange);
      return settingsOf(camera);
    },
    'GET cameras/:id/snapshot.jpg': async ({ id }) => (await cameras.capture(cameras.resolve(id))).jpeg,
    'GET system': machine,
    async 'GET local-access'({ hasKey }) {
      // What opens the device is not handed to whoever comes by, however open its dialects are.
      if (!hasKey) throw new AppError('auth.forbidden', 'the local key is shown to who shows a key of the device');
      return localAccess();
    },
    'GET images': async () => ({ items: images.list(), next: null }),
    async 'GET images/:id'({ id }) {
      const jpeg = await images.bytes(id);
      if (!jpeg) throw new AppError('image.not_found', 'there is no such image (any more)');
      return jpeg;
    },
  };
}

/** What is told to the server with a picture. */
type Upload = Pick<OwnPictureMeta, 'product_id' | 'description' | 'asked'>;

function isUpload(value: unknown): value is Upload {
  return typeof value === 'object' && value !== null;
}

/** `capture_YYYYMMDD_HHMMSS_mmm.jpg` (S2.5) */
function fileNameOf(capturedAt: string): string {
  const [date = '', time = ''] = capturedAt.replace('Z', '').split('T');
  return `capture_${date.replaceAll('-', '')}_${time.replaceAll(':', '').replace('.', '_')}.jpg`;
}
