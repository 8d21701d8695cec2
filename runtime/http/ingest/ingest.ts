import { createHash } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { type Request, type RequestHandler, Router } from 'express';
import type { ServedConfig } from '../../contracts/device-config.ts';
import { type DevicePushDesk, DevicePushReport } from '../../contracts/device-pushes.ts';
import { AppError, toAppError } from '../../contracts/errors.ts';
import { MAX_FRAME_BODY_BYTES } from '../../contracts/frame.ts';
import type { PictureDesk } from '../../contracts/gallery.ts';
import type { Clock, Log } from '../../contracts/host.ts';
import type { FrameReport } from '../../contracts/metrics.ts';
import { HeartbeatBody } from '../../contracts/mqtt-messages.ts';
import type { FleetService, FramesService, KnownDevice } from '../../contracts/services.ts';
import { allowOf, notAllowed } from '../../lib/methods.ts';
import { nameOfRequest } from '../../lib/request-name.ts';
import { checkStorable } from '../../lib/storable.ts';
import { parser } from '../../lib/validate.ts';
import { YoungGarbage } from '../../lib/young-garbage.ts';
import { answer, refuse } from './answer.ts';
import { ByteBudget, type Lease } from './byte-budget.ts';
import { readChunkedForm } from './chunked-form.ts';
import { type ContentType, parseContentType } from './content-type.ts';
import { checkOwn, foldCase } from './device-claims.ts';
import { checkBoundary, splitForm } from './multipart.ts';
import { fromJsonBody, parseFrame, parseJson, type ReadJpegHeader } from './parse-frame.ts';
import { takePicture } from './picture.ts';
import { DeviceRates, type RateLimit } from './rate-limit.ts';
import { announcedLength, readBody } from './read-body.ts';
import { Signatures } from './signature.ts';

export interface IngestOptions {
  fleet: Pick<FleetService, 'deviceOfKey' | 'servedConfig' | 'heartbeat'> & Partial<Pick<FleetService, 'signerOf'>>;
  frames: Pick<FramesService, 'accept'>;
  /** pictures that devices were asked for; without it none is taken */
  pictures?: PictureDesk;
  /** pushes that devices run for this server; without it there are none */
  devicePushes?: DevicePushDesk;
  /** `readJpegHeader` of runtime/picture, which this room may not know */
  readJpegHeader: ReadJpegHeader;
  clock: Clock;
  log: Log;
  /** per device; default 60 a second, 120 at once */
  rateLimit?: RateLimit;
  /** bytes of bodies in memory at once, all devices together; default 128 MiB */
  bodyBudgetBytes?: number;
  /** told of every answer to a frame */
  onFrame?: (report: FrameReport) => void;
}

const MAX_HEARTBEAT_BYTES = 64 * 1024;
const MAX_KEY_CHARS = 512;
const parseHeartbeat = parser(HeartbeatBody);
const parsePushes = parser(DevicePushReport);

/** Is told what became of a frame. */
type Report = (outcome: Omit<FrameReport, 'seconds'>) => void;

/** The device contract's routes, and the busiest of them by itself. */
export interface IngestDoor {
  /** to be mounted at /api/v1 before any body parser */
  routes: RequestHandler;
  /** `POST /ingest/frame`, whoever found out that it is one */
  frame: RequestListener;
}

/**
 * The device contract (CONTRACTS §4): frames, heartbeats, and the configuration that devices fetch. Who asks is known before a body is
 * read. Pictures are never decoded here.
 */
export function ingestDoor(options: IngestOptions): IngestDoor {
  const door = new Door(options);
  const frame: RequestListener = (req, res) => {
    const report = door.reporter();
    void door.answer(req, res, () => door.frame(req, res, report), report);
  };
  const router = Router();
  router
    .route('/ingest/frame')
    .post(frame)
    .all((req, res) => door.tellMethods(req, res, 'POST'));
  router
    .route('/ingest/heartbeat')
    .post((req, res) => door.answer(req, res, () => door.heartbeat(req, res)))
    .all((req, res) => door.tellMethods(req, res, 'POST'));
  router
    .route('/ingest/picture')
    .post((req, res) => door.answer(req, res, () => door.picture(req, res)))
    .all((req, res) => door.tellMethods(req, res, 'POST'));
  router
    .route('/device/pushes')
    .post((req, res) => door.answer(req, res, () => door.pushes(req, res)))
    .all((req, res) => door.tellMethods(req, res, 'POST'));
  router
    .route('/device/config')
    .get((req, res) => door.answer(req, res, () => door.config(req, res)))
    .all((req, res) => door.tellMethods(req, res, 'GET'));
  return { routes: router, frame };
}

class Door {
  readonly #options: IngestOptions;
  readonly #rates: DeviceRates;
  readonly #budget: ByteBudget;
  readonly #signatures: Signatures;
  readonly #garbage = new YoungGarbage();

  constructor(options: IngestOptions) {
    this.#options = options;
    this.#rates = new DeviceRates(options.rateLimit ?? { perSecond: 60, burst: 120 }, options.clock);
    this.#signatures = new Signatures(options);
    this.#budget = new ByteBudget(options.bodyBudgetBytes ?? 128 * 1024 * 1024);
  }

  /** Runs a route; whatever it throws becomes the answer of the contract. `report` is told what became of a frame. */
  async answer(req: IncomingMessage, res: ServerResponse, route: () => Promise<void>, report?: Report): Promise<void> {
    try {
      await route();
    } catch (thrown) {
      const error = toAppError(thrown);
      report?.({ outcome: 'refused', code: error.code, bytes: 0 });
      const log = this.#options.log;
      // Without what follows the question mark: somebody may have put the key there.
      const path = (req.url ?? '').split('?', 1)[0];
      if (error.code === 'internal.error') log.error('a device was not served', { path, error: thrown });
      else log.debug('a device was refused', { path, code: error.code, reason: error.message });
      refuse(req, res, error, this.#options.clock);
    }
  }

  /** Begins to measure a request. */
  reporter(): Report {
    const { clock, onFrame } = this.#options;
    const startedAt = clock.monotonicMs();
    return (outcome) => onFrame?.({ ...outcome, seconds: (clock.monotonicMs() - startedAt) / 1000 });
  }

  /** Says what is possible at a path: OPTIONS asked for that, other methods are refused. */
  tellMethods(req: IncomingMessage, res: ServerResponse, method: string): void {
    const allow = allowOf([method]);
    res.setHeader('Allow', allow);
    if (req.method === 'OPTIONS') res.writeHead(204, { 'X-Request-Id': nameOfRequest(req) }).end();
    else refuse(req, res, notAllowed(req.method, allow), this.#options.clock);
  }

  async frame(req: IncomingMessage, res: ServerResponse, report: Report): Promise<void> {
    const device = await this.#admit(req);
    const lease = this.#budget.open(device.id);
    try {
      const sent = await readFrame(req, lease, this.#signatures);
      const frame = parseFrame(sent, device, this.#options.readJpegHeader);
      const accepted = await this.#options.frames.accept(frame);
      this.#garbage.dropped(frame.jpeg.length);
      if (accepted.outcome === 'conflict') {
        const { frameId, lastSeq } = accepted;
        answer(res, 409, {
          ok: false,
          error: 'duplicate device seq',
          code: 'frame.seq_taken',
          frame_id: frameId,
          last_seq: lastSeq,
        });
        report({ outcome: 'conflict', code: 'frame.seq_taken', bytes: 0 });
        return;
      }
      const duplicate = accepted.outcome === 'duplicate';
      answer(res, duplicate ? 200 : 201, {
        ok: true,
        frame_id: accepted.frameId,
        received_ts: new Date(accepted.receivedAt).toISOString(),
        duplicate,
      });
      report({ outcome: accepted.outcome, bytes: frame.jpeg.length });
    } finally {
      lease.release();
    }
  }

  async heartbeat(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const device = await this.#admit(req);
    const lease = this.#budget.open(device.id);
    try {
      checkEncoding(req);
      const bytes = await readBody(req, MAX_HEARTBEAT_BYTES, lease);
      this.#signatures.checkBody(req, bytes);
      const body = parseJson(bytes, 'body');
      const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
      const beat = parseHeartbeat(isObject ? foldCase(body, ['device_id']) : body);
      checkOwn(device, beat.device_id);
      checkStorable(beat, 'body');
      const { lastSeen } = await this.#options.fleet.heartbeat(beat);
      answer(res, 200, { ok: true, last_seen: new Date(lastSeen).toISOString() });
    } finally {
      lease.release();
    }
  }

  /** How the device's pushes are, and which ones it is to run. */
  async pushes(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const device = await this.#admit(req);
    const { devicePushes } = this.#options;
    const lease = this.#budget.open(device.id);
    try {
      checkEncoding(req);
      const bytes = await readBody(req, MAX_HEARTBEAT_BYTES, lease);
      this.#signatures.checkBody(req, bytes);
      const report = parsePushes(parseJson(bytes, 'body'));
      const orders = await devicePushes?.exchange(device.id, report);
      answer(res, 200, orders ?? { v: 1, revision: 'none', pushes: [] });
    } finally {
      lease.release();
    }
  }

  async picture(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const device = await this.#admit(req);
    const { pictures, readJpegHeader } = this.#options;
    if (!pictures) throw new AppError('picture.not_asked', 'no pictures are asked for here');
    const lease = this.#budget.open(device.id);
    try {
      const { image, duplicate } = await takePicture(req, device, pictures, {
        read: () => readFrame(req, lease, this.#signatures),
        readJpegHeader,
      });
      answer(res, duplicate ? 200 : 201, { ok: true, image_id: image, duplicate });
    } finally {
      lease.release();
    }
  }

  async config(req: Request, res: ServerResponse): Promise<void> {
    const device = await this.#admit(req);
    const { device_id: asked = device.id } = req.query;
    if (typeof asked !== 'string') {
      throw new AppError('request.invalid', 'device_id may be given once', { field: 'device_id' });
    }
    checkOwn(device, asked.toLowerCase());
    const config = await this.#options.fleet.servedConfig(device.id);
    const tag = tagOf(config);
    const headers = {
      ETag: tag,
      'Cache-Control': 'private, no-cache',
      'X-Last-Seq': String(config.last_seq),
      'X-Request-Id': nameOfRequest(req),
    };
    if (matches(req.headers['if-none-match'], tag)) {
      res.writeHead(304, headers);
      res.end();
    } else {
      answer(res, 200, config, headers);
    }
  }

  /** Who asks, from headers alone; throws the 401, 403 and 429 of the contract. */
  async #admit(req: IncomingMessage): Promise<KnownDevice> {
    const key = req.headers['x-device-key'] ?? req.headers['x-api-key'];
    let device: KnownDevice | undefined;
    if (key === undefined || key === '') device = await this.#signer(req);
    else if (typeof key === 'string' && key.length <= MAX_KEY_CHARS)
      device = await this.#options.fleet.deviceOfKey(key);
    if (!device) throw new AppError('auth.invalid', 'the device key is not known');
    if (device.disabled) throw new AppError('device.disabled', `device ${device.id} is disabled`);
    const wait = this.#rates.wait(device.id);
    if (wait > 0) {
      throw new AppError('ingest.too_fast', `device ${device.id} asks too often`, { retryAfterS: Math.max(1, wait) });
    }
    return device;
  }

  async #signer(req: IncomingMessage): Promise<KnownDevice> {
    const signature = req.headers['x-device-signature'];
    if (typeof signature !== 'string') throw new AppError('auth.missing', 'the header X-DEVICE-KEY is missing');
    return this.#signatures.signer(req, signature);
  }
}

/** Reads a frame's body in either dialect. */
async function readFrame(
  req: IncomingMessage,
  lease: Lease,
  signatures: Signatures,
): Promise<{ meta: unknown; image: Buffer }> {
  const { type, parameters } = checkEncoding(req);
  if (type === 'multipart/form-data') {
    const boundary = checkBoundary(parameters.get('boundary'));
    const isChunked = announcedLength(req, MAX_FRAME_BODY_BYTES) === undefined;
    // A form without a length is never whole in memory, so it could not be compared with its signature.
    if (isChunked && signatures.isSigned(req))
      throw new AppError('request.invalid', 'a signed frame comes with a Content-Length', { field: 'Content-Length' });
    if (isChunked) {
      const { meta, image } = await readChunkedForm(req, boundary, MAX_FRAME_BODY_BYTES, lease);
      return { meta: parseJson(meta, 'meta'), image };
    }
    const body = await readBody(req, MAX_FRAME_BODY_BYTES, lease);
    signatures.checkBody(req, body);
    const { meta, image } = splitForm(body, boundary);
    return { meta: parseJson(meta, 'meta'), image };
  }
  if (type === 'application/json') {
    const body = await readBody(req, MAX_FRAME_BODY_BYTES, lease);
    signatures.checkBody(req, body);
    return fromJsonBody(parseJson(body, 'body'));
  }
  throw new AppError('request.unsupported_type', 'a frame comes as multipart/form-data or application/json', {
    field: 'Content-Type',
  });
}

/** What kind of body comes; throws `request.unsupported_type` for one that would have to be decoded first. */
function checkEncoding(req: IncomingMessage): ContentType {
  const encoding = req.headers['content-encoding'] ?? 'identity';
  const content = parseContentType(req.headers['content-type']);
  const charset = content.parameters.get('charset')?.toLowerCase() ?? 'utf-8';
  if (encoding.toLowerCase() === 'identity' && ['utf-8', 'utf8', 'us-ascii'].includes(charset)) return content;
  throw new AppError('request.unsupported_type', 'bodies are taken uncompressed and in UTF-8', {
    field: 'Content-Encoding',
  });
}

/**
 * A tag over what the device acts upon. `last_seq` is left out: it rises with every frame, and a device needs it only when its counter is
 * lost (it stands in `X-Last-Seq` of every answer too).
 */
function tagOf(config: ServedConfig): string {
  const { last_seq: _, ...content } = config;
  return `W/"${createHash('sha256').update(JSON.stringify(content)).digest('base64url').slice(0, 22)}"`;
}

function matches(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  const opaque = (text: string) => text.trim().replace(/^W\//, '');
  return header.split(',').some((candidate) => candidate.trim() === '*' || opaque(candidate) === opaque(tag));
}
