import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import sharp from 'sharp';
import { RelabStreams, type StandInAnswer } from './relab-streams.ts';

export type RelabFault =
  | 'none'
  | 'failing'
  | 'streaming'
  | 'hanging'
  | 'no jpeg'
  | 'foreign address'
  | 'queued'
  /** wants a key although it was shown one */
  | 'locked'
  /** answers with a page instead of JSON */
  | 'garbled';

/** One request as it came. */
export interface RelabAsked {
  method: string;
  path: string;
  search: string;
  body: unknown;
  key: string | undefined;
  headers: IncomingMessage['headers'];
}

/** Who may look without a key in dialect B. */
const OPEN_OF_B = /^\/(preview\/|preview-thumbnail\.jpg$|metrics$|local-key$|setup$|pairing\/)/;

/**
 * A stand-in of seed 000's Pi camera API, dialect A or B, written from the tables of its contract and enforcing them: no key is 401, a
 * wrong one 403, what the dialect lacks 404, a body that is none 422.
 */
export class RelabCamera {
  readonly #dialect: 'A' | 'B';
  /** the one that it takes (`AUTHORIZED_API_KEYS`) */
  key: string;
  readonly asked: RelabAsked[] = [];
  /** hears of each request before it is answered */
  onAsked: (asked: RelabAsked) => void = () => undefined;
  readonly #images = new Map<string, Buffer>();
  readonly controls: Record<string, unknown> = { ExposureTime: 20_000, AnalogueGain: 1 };
  readonly streams: RelabStreams;
  readonly telemetry = {
    timestamp: '2026-11-20T12:00:00Z',
    cpu_temp_c: 61.5,
    cpu_percent: 12,
    mem_percent: 34.5,
    disk_percent: 56,
    preview_fps: null,
    preview_sessions: 0,
    thermal_state: 'warm',
    current_preview_size: [640, 480],
  };
  readonly #server = createServer((req, res) => void this.#take(req, res));
  fault: RelabFault = 'none';
  /** where `image_url` leads with the fault `foreign address` */
  foreign = 'http://127.0.0.1:9/stolen.jpg';

  private constructor(dialect: 'A' | 'B', key: string) {
    this.#dialect = dialect;
    this.key = key;
    this.streams = new RelabStreams(dialect, () => `http://127.0.0.1:${this.port}`);
  }

  static async open(dialect: 'A' | 'B', key = 'CAM_pi-key', port = 0): Promise<RelabCamera> {
    const camera = new RelabCamera(dialect, key);
    await new Promise<void>((resolve) => camera.#server.listen(port, '127.0.0.1', resolve));
    return camera;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** As a camera URL, with the key. */
  get url(): string {
    return `relab+http://:${this.key}@127.0.0.1:${this.port}`;
  }

  /** Its requests as `POST /images`, ids left out. */
  calls(): string[] {
    return this.asked.map(({ method, path, search }) => `${method} ${path.replace(/[0-9a-f]{32}/, 'id')}${search}`);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(req: IncomingMessage, res: ServerResponse): Promise<void> {
    let text = '';
    for await (const part of req) text += part;
    const url = new URL(req.url ?? '/', 'http://stand-in');
    const { pathname: path, search } = url;
    const method = req.method ?? '';
    const body = text === '' ? undefined : jsonIn(text);
    const key = req.headers['x-api-key'] as string | undefined;
    const asked = { method, path, search, body, key, headers: req.headers };
    this.asked.push(asked);
    this.onAsked(asked);
    const isOpen = this.#dialect === 'B' && OPEN_OF_B.test(path);
    if (this.fault === 'locked' || (!isOpen && key === undefined))
      return answer(res, 401, { detail: 'Not authenticated' });
    if (!isOpen && key !== this.key) return answer(res, 403, { detail: 'Invalid API Key' });
    if (this.fault === 'garbled') return send(res, { status: 200, body: Buffer.from('<html>It works!</html>') });
    if (text !== '' && (typeof body !== 'object' || body === null))
      return answer(res, 422, { detail: [{ loc: ['body'], msg: 'JSON decode error', type: 'json_invalid' }] });
    const streamed = this.streams.answer(method, url, body);
    if (streamed) return send(res, streamed);
    const known =
      this.#dialect === 'A' ? await this.#dialectA(method, path, res) : await this.#dialectB(method, path, body, res);
    if (!known) answer(res, 404, { detail: 'Not Found' });
  }

  async #dialectA(method: string, path: string, res: ServerResponse): Promise<boolean> {
    if (method === 'GET' && path === '/camera/status') {
      answer(res, 200, this.streams.status());
    } else if (method === 'POST' && path === '/images') {
      if (this.streams.isActive) answer(res, 500, { detail: 'Stream is active' });
      else await this.#capture(res, 201, (id) => ({ image_url: `http://127.0.0.1:${this.port}/images/${id}` }));
    } else if (method === 'GET' && path.startsWith('/images/')) {
      const jpeg = this.#images.get(path.slice('/images/'.length));
      if (jpeg) res.writeHead(200, { 'Content-Type': 'image/jpeg' }).end(jpeg);
      else answer(res, 404, { detail: 'Image not found' });
    } else return false;
    return true;
  }

  async #dialectB(method: string, path: string, body: unknown, res: ServerResponse): Promise<boolean> {
    if (method === 'GET' && path === '/camera') {
      answer(res, 200, this.streams.status());
    } else if (method === 'POST' && path === '/captures') {
      const status = this.fault === 'queued' ? 'queued' : 'uploaded';
      if (this.streams.youtube) answer(res, 409, { detail: 'Stream is active' });
      else await this.#capture(res, 201, () => ({ status, image_url: status === 'queued' ? null : this.foreign }));
    } else if (method === 'GET' && path === '/preview-thumbnail.jpg') {
      res.writeHead(200, { 'Content-Type': 'image/jpeg' }).end(await this.#jpeg());
    } else if (method === 'GET' && path === '/camera/controls') {
      answer(res, 200, { supported: true, controls: {}, values: this.controls });
    } else if (method === 'PATCH' && path === '/camera/controls') {
      const { controls } = (body ?? {}) as { controls?: Record<string, unknown> };
      if (!controls || Object.keys(controls).length === 0) {
        answer(res, 422, { detail: [{ loc: ['body', 'controls'], msg: 'Field required', type: 'missing' }] });
      } else answer(res, 200, { supported: true, controls: {}, values: Object.assign(this.controls, controls) });
    } else if (method === 'GET' && path === '/system/telemetry') {
      answer(res, 200, this.telemetry);
    } else if (method === 'GET' && path === '/system/local-access') {
      const candidate_urls = [`http://127.0.0.1:${this.port}`];
      answer(res, 200, { local_api_key: 'planted-local-key-of-a-pi', candidate_urls, mdns_name: 'pi.local' });
    } else return false;
    return true;
  }

  async #capture(res: ServerResponse, status: number, more: (id: string) => object): Promise<void> {
    if (this.fault === 'hanging') return;
    if (this.fault === 'failing') return answer(res, 500, { detail: 'Failed to capture image' });
    if (this.fault === 'streaming') return answer(res, 409, { detail: 'Stream is active' });
    const id = randomBytes(16).toString('hex');
    this.#images.set(id, await this.#jpeg());
    const metadata = {
      image_properties: { width: 640, height: 480, capture_time: '2026-11-20T12:00:00Z' },
      // By alias in B, by name in A.
      camera_properties: {
        ...(this.#dialect === 'A' ? { camera_model: 'imx708' } : { Model: 'imx708' }),
        unit_cell_size: [1400, 1400],
        pixel_array_size: [4608, 2592],
        sensor_sensitivity: 1,
      },
      capture_metadata: {
        exposure_time: 12_500,
        frame_duration: 33_333,
        color_temperature: 4200,
        analogue_gain: 2.5,
        digital_gain: 1.1,
        lux: 300,
        sensor_temperature: 41.5,
      },
    };
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    answer(res, status, { image_id: id, metadata, expires_at, ...more(id) });
  }

  #jpeg(): Promise<Buffer> {
    if (this.fault === 'no jpeg') return Promise.resolve(Buffer.from('no picture'));
    return sharp({ create: { width: 640, height: 480, channels: 3, background: '#806020' } })
      .jpeg({ quality: 90 })
      .toBuffer();
  }
}

function answer(res: ServerResponse, status: number, body: unknown): void {
  send(res, { status, body });
}

function send(res: ServerResponse, { status, body, headers = {} }: StandInAnswer): void {
  if (body === undefined) {
    res.writeHead(status, headers).end();
    return;
  }
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  res.writeHead(status, { 'Content-Type': 'application/json', ...headers, 'Content-Length': bytes.length }).end(bytes);
}

/** undefined: no JSON. */
function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
