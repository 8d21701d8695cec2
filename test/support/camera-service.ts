import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import sharp from 'sharp';
import { type WebSocket, WebSocketServer } from 'ws';

/** What goes wrong with the camera or its service until the test says otherwise. */
export type ServiceFault =
  | 'none'
  | 'disconnected'
  | 'failing'
  | 'hanging'
  | 'crashing'
  | 'no jpeg'
  | 'wrong size'
  | 'cut off'
  | 'strange name';

interface ServiceOptions {
  dialect: 'seed' | 'current';
  token?: string;
  servesFiles?: boolean;
}

const RESOLUTIONS = [
  { width: 640, height: 480 },
  { width: 1280, height: 1024 },
  { width: 1920, height: 1080 },
];
const WIDTH = 640;
const HEIGHT = 480;

let picture: Promise<Buffer> | undefined;

/**
 * A stand-in of seed 002's camera service, written from the tables of its contract and enforcing them: unknown methods are 405, bad
 * values 422 with FastAPI's list, a missing or wrong token 401. `seed` answers as the seed's text, `current` as today's code.
 */
export class CameraService {
  readonly #options: ServiceOptions;
  readonly asked: { method: string; path: string; body: unknown }[] = [];
  readonly #files = new Map<string, Buffer>();
  readonly #hanging = new Set<ServerResponse>();
  readonly #server = createServer((req, res) => void this.#take(req, res));
  readonly #sockets = new WebSocketServer({ server: this.#server, path: '/ws/camera/stream' });
  fault: ServiceFault = 'none';
  exposure = 100;
  gain = 1;
  #port = 0;
  #count = 0;

  private constructor(options: ServiceOptions) {
    this.#options = options;
    this.#sockets.on('connection', (socket) => void this.#stream(socket));
    this.#sockets.on('error', () => undefined);
  }

  static async open(options: ServiceOptions): Promise<CameraService> {
    const service = new CameraService(options);
    await service.start();
    return service;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Requests that wait for an answer which never comes. */
  get waiting(): number {
    return this.#hanging.size;
  }

  /** On the port it had before. */
  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(req: IncomingMessage, res: ServerResponse): Promise<void> {
    let text = '';
    for await (const part of req) text += part;
    const { pathname } = new URL(req.url ?? '/', 'http://stand-in');
    const method = req.method ?? '';
    const body = text === '' ? undefined : JSON.parse(text);
    this.asked.push({ method, path: pathname, body });
    if (text !== '' && !req.headers['content-type']?.startsWith('application/json')) {
      return answer(res, 422, {
        detail: [{ loc: ['body'], msg: 'Input should be a valid dictionary', type: 'dict_type' }],
      });
    }
    const file = /^\/captures\/([^/]+)$/.exec(pathname)?.[1];
    if (method === 'GET' && pathname === '/health') {
      const camera_connected = this.fault !== 'disconnected';
      return answer(res, 200, { status: 'healthy', camera_connected, timestamp: new Date().toISOString() });
    }
    if (method === 'GET' && file !== undefined && this.#options.servesFiles !== false) return this.#file(res, file);
    const { token } = this.#options;
    if (token !== undefined && req.headers.authorization !== `Bearer ${token}`) {
      return answer(res, 401, { detail: 'Invalid authentication credentials' });
    }
    if (method === 'POST' && pathname === '/capture') return this.#capture(res, body ?? {});
    if (method === 'GET' && pathname === '/settings') return this.#settings(res);
    if (method === 'PUT' && pathname === '/settings') return this.#settings(res, body ?? {});
    answer(res, 404, { detail: 'Not Found' });
  }

  async #capture(res: ServerResponse, body: Record<string, unknown>): Promise<void> {
    if (!this.#set(res, body)) return;
    if (this.fault === 'disconnected') return answer(res, 503, { detail: 'Camera not connected' });
    if (this.fault === 'failing') return answer(res, 500, { detail: 'Capture failed: no frame' });
    if (this.fault === 'hanging') return void this.#hanging.add(res);
    if (this.fault === 'crashing') {
      res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': 500 });
      res.write('{"success": true, "filena');
      setImmediate(() => res.socket?.destroy());
      return;
    }
    this.#count += 1;
    const at = new Date();
    const stamp = at.toISOString().replace(/[-:]/g, '').replace('T', '_').replace('.', '_').slice(0, 19);
    const filename = this.fault === 'strange name' ? '../../etc/passwd' : `capture_${stamp}${this.#count}.jpg`;
    const jpeg = await this.#jpeg();
    this.#files.set(filename, jpeg);
    const size = this.fault === 'cut off' ? jpeg.length + 1000 : jpeg.length;
    const resolution = { width: this.fault === 'wrong size' ? 1920 : WIDTH, height: HEIGHT };
    const common = { success: true, filename, filepath: `./captures/${filename}` };
    if (this.#options.dialect === 'seed') {
      const settings = { exposure: this.exposure, gain: this.gain, resolution };
      const image_info = { size_bytes: size, format: 'JPG' };
      return answer(res, 200, { ...common, timestamp: at.toISOString(), settings, image_info });
    }
    answer(res, 200, {
      ...common,
      capturedAt: at.toISOString(),
      exposureTime: this.exposure,
      gain: this.gain,
      fileSize: size,
      ...resolution,
      metadata: { format: 'jpg', quality: 95, cameraConnected: true, simulatedMode: false },
    });
  }

  #settings(res: ServerResponse, change?: Record<string, unknown>): void {
    if (change && !this.#set(res, change)) return;
    if (this.fault === 'disconnected') answer(res, 503, { detail: 'Camera not connected' });
    else answer(res, 200, this.#values());
  }

  #values(): object {
    const resolution = { width: WIDTH, height: HEIGHT };
    const common = { exposure: this.exposure, gain: this.gain, resolution, connected: true };
    const streaming = this.#sockets.clients.size > 0;
    if (this.#options.dialect === 'seed') return { ...common, available_resolutions: RESOLUTIONS, streaming };
    const ranges = { exposureMin: 0.1, exposureMax: 2000, gainMin: 0, gainMax: 24, gammaMin: 0.5, gammaMax: 4 };
    const gamma = { gamma: 1, gammaSupported: true, autoExposure: false, autoExposureSupported: true };
    return { ...common, ...ranges, ...gamma, streaming };
  }

  /** Takes exposure and gain, or answers 422. */
  #set(res: ServerResponse, body: Record<string, unknown>): boolean {
    const wrong = ['exposure', 'gain'].filter((name) => {
      const value = body[name];
      return value !== undefined && value !== null && !(typeof value === 'number' && value >= 0);
    });
    if (wrong.length > 0) {
      const msg = 'Input should be greater than or equal to 0';
      answer(res, 422, { detail: wrong.map((name) => ({ loc: ['body', name], msg, type: 'greater_than_equal' })) });
      return false;
    }
    if (typeof body.exposure === 'number') this.exposure = body.exposure;
    if (typeof body.gain === 'number') this.gain = body.gain;
    return true;
  }

  async #stream(socket: WebSocket): Promise<void> {
    const resolution = { width: WIDTH, height: HEIGHT };
    socket.send(JSON.stringify({ type: 'connected', message: 'Connected to camera stream', resolution }));
    const frame = async () => {
      if (socket.readyState !== socket.OPEN) return;
      const data = (await this.#jpeg()).toString('base64');
      socket.send(JSON.stringify({ type: 'frame', data, timestamp: process.uptime() }));
      setTimeout(() => void frame(), 30);
    };
    await frame();
  }

  #file(res: ServerResponse, name: string): void {
    const jpeg = this.#files.get(name);
    if (jpeg) res.writeHead(200, { 'Content-Type': 'image/jpeg', 'Content-Length': jpeg.length }).end(jpeg);
    else answer(res, 404, { detail: 'Not Found' });
  }

  async #jpeg(): Promise<Buffer> {
    if (this.fault === 'no jpeg') return Buffer.from('<html>this is no picture</html>');
    picture ??= sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: '#3a6ea5' } })
      .jpeg({ quality: 95 })
      .toBuffer();
    return picture;
  }
}

function answer(res: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }).end(text);
}
