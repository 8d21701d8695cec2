import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import express from 'express';
import sharp from 'sharp';
import { defaultDeviceConfig, type ServedConfig, withMilliseconds } from '../../runtime/contracts/device-config.ts';
import type { Clock } from '../../runtime/contracts/host.ts';
import type { HeartbeatBody } from '../../runtime/contracts/mqtt-messages.ts';
import type { Accepted, IncomingFrame } from '../../runtime/contracts/services.ts';
import { type IngestOptions, ingestDoor } from '../../runtime/http/ingest/ingest.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { readJpegHeader } from '../../runtime/picture/jpeg-header.ts';

export const KEY = 'cam_pi_secret';
const DEVICES: Record<string, { id: string; cameras: string[]; disabled: boolean }> = {
  [KEY]: { id: 'pi', cameras: ['pi-cam', 'pi-side'], disabled: false },
  cam_zero_secret: { id: 'zero', cameras: ['zero-cam'], disabled: false },
  cam_bare_secret: { id: 'bare', cameras: [], disabled: false },
  cam_off_secret: { id: 'off', cameras: ['off-cam'], disabled: true },
};

export interface DoorOptions {
  signerOf?: IngestOptions['fleet']['signerOf'];
  accept?: (frame: IncomingFrame) => Promise<Accepted>;
  clock?: Clock;
  rateLimit?: IngestOptions['rateLimit'];
  bodyBudgetBytes?: number;
  onFrame?: IngestOptions['onFrame'];
  devicePushes?: IngestOptions['devicePushes'];
}

/** A JPEG with a little structure. */
export function jpegOf(width = 64, height = 48, background = '#456'): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background } })
    .jpeg({ quality: 80 })
    .toBuffer();
}

export function metaOf(more: Record<string, unknown> = {}) {
  return {
    device_id: 'pi',
    capture_ts: '2026-11-20T12:00:00.250+01:00',
    seq: 1,
    width: 64,
    height: 48,
    jpeg_quality: 80,
    ...more,
  };
}

export interface FormPart {
  name: string;
  content: Buffer | string;
  filename?: string;
  header?: string;
}

/** Bytes of a multipart form, written by hand so that tests can spoil them. */
export function formOf(parts: FormPart[], boundary = 'XbX', end = `--${boundary}--\r\n`): Buffer {
  const pieces: Buffer[] = [];
  for (const { name, content, filename, header } of parts) {
    const file = filename === undefined ? '' : `; filename="${filename}"`;
    const head = header ?? `Content-Disposition: form-data; name="${name}"${file}`;
    pieces.push(Buffer.from(`--${boundary}\r\n${head}\r\n\r\n`), Buffer.from(content), Buffer.from('\r\n'));
  }
  return Buffer.concat([...pieces, Buffer.from(end)]);
}

/** The usual form of a frame. */
export function frameForm(jpeg: Buffer, meta: unknown = metaOf()): Buffer {
  return formOf([
    { name: 'meta', content: typeof meta === 'string' ? meta : JSON.stringify(meta) },
    {
      name: 'image',
      content: jpeg,
      filename: 'f.jpg',
      header: 'Content-Disposition: form-data; name="image"; filename="f.jpg"\r\nContent-Type: image/jpeg',
    },
  ]);
}

export const FORM = { 'Content-Type': 'multipart/form-data; boundary=XbX' };

/** The ingest routes on a free port, over a fleet in memory; `frames` are what came through. */
export async function openIngest(options: DoorOptions = {}) {
  const frames: IncomingFrame[] = [];
  const beats: HeartbeatBody[] = [];
  const config: ServedConfig = {
    ok: true,
    device_id: 'pi',
    version: 1,
    last_seq: 7,
    mode: 'baseline',
    burst_until: null,
    mqtt: { url: 'mqtt://127.0.0.1', root: 'redeye/v1/home' },
    config: withMilliseconds(defaultDeviceConfig()),
  };
  const state = { keysAsked: 0 };
  const { routes: router } = ingestDoor({
    fleet: {
      async deviceOfKey(key) {
        state.keysAsked += 1;
        return DEVICES[key];
      },
      ...(options.signerOf && { signerOf: options.signerOf }),
      servedConfig: async (id) => ({ ...config, device_id: id }),
      async heartbeat(body) {
        beats.push(body);
        return { lastSeen: 1_790_000_000_000 };
      },
    },
    frames: {
      async accept(frame) {
        frames.push(frame);
        return (await options.accept?.(frame)) ?? { outcome: 'stored', frameId: 'id-1', receivedAt: 1_790_000_000_000 };
      },
    },
    readJpegHeader,
    clock: options.clock ?? systemClock,
    log: silentLog,
    ...(options.onFrame && { onFrame: options.onFrame }),
    ...(options.devicePushes && { devicePushes: options.devicePushes }),
    ...(options.rateLimit && { rateLimit: options.rateLimit }),
    ...(options.bodyBudgetBytes && { bodyBudgetBytes: options.bodyBudgetBytes }),
  });
  const app = express();
  app.use('/api/v1', router);
  const server = createServer(app).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/api/v1`;

  const post = async (
    body: Buffer | string | ReadableStream,
    headers: Record<string, string> = FORM,
    path = '/ingest/frame',
  ) => {
    const response = await fetch(url + path, {
      method: 'POST',
      body: typeof body === 'string' || body instanceof ReadableStream ? body : new Uint8Array(body),
      headers: { 'X-DEVICE-KEY': KEY, ...headers },
      duplex: 'half',
    } as RequestInit);
    return { status: response.status, headers: response.headers, body: (await response.json()) as Answer };
  };

  return {
    url,
    port,
    frames,
    beats,
    config,
    state,
    server,
    post,
    postJson: (body: unknown, headers: Record<string, string> = {}, path = '/ingest/frame') =>
      post(JSON.stringify(body), { 'Content-Type': 'application/json', ...headers }, path),
    /** Sends raw bytes and answers everything that comes back until the connection ends. */
    raw: (bytes: Buffer | string, options: { end?: boolean } = {}) => rawRequest(port, bytes, options),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Answer {
  ok: boolean;
  error?: string;
  code?: string;
  field?: string;
  frame_id?: string;
  received_ts?: string;
  duplicate?: boolean;
  last_seq?: number;
  last_seen?: string;
}

function rawRequest(port: number, bytes: Buffer | string, options: { end?: boolean }): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(bytes);
      if (options.end) socket.end();
    });
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
    });
    socket.once('close', () => resolve(heard));
    socket.once('error', (error) => (heard ? resolve(heard) : reject(error)));
  });
}
