import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { AppError, toAppError } from '../contracts/errors.ts';
import type { Clock, Log, Release } from '../contracts/host.ts';
import { isId } from '../contracts/ids.ts';
import type { Metrics } from '../contracts/metrics.ts';
import type { FleetService } from '../contracts/services.ts';
import {
  MAX_RECORD_BYTES,
  UPLINK_NONCE_HEADER,
  UPLINK_PATH,
  UPLINK_PROTOCOL,
  type UplinkService,
  type UplinkTaker,
} from '../contracts/uplink.ts';
import { refusal } from './ingest/answer.ts';

const MAX_KEY_CHARS = 512;
/** Connections that come in at once; each camera that is watched has one. */
const MOST_CONNECTIONS = 200;
/** A device that does not answer a farewell is cut off. */
const FAREWELL_MS = 2000;
/** RFC 6455 §5.5: what a closing frame can hold beside its code. */
const MOST_REASON_BYTES = 120;
const NORMAL = 1000;

export interface UplinkDoorOptions {
  uplinks: UplinkService;
  fleet: Pick<FleetService, 'deviceOfKey'> & {
    /** calls when a device was shut out or lost a key */
    onRevoked?(listener: (device: string) => void): Release;
  };
  metrics: Metrics;
  clock: Clock;
  log: Log;
}

/**
 * Takes the streams of devices: WebSocket at `/api/v1/uplink/{camera}` with the device's key and the nonce of the command that asked for
 * it. Whatever was not asked for is refused before a byte of it is read (401, 403, 404, 503), and counted. Other upgrades are not touched.
 */
export function openUplinkDoor(server: Server, options: UplinkDoorOptions): Release {
  const door = new Door(options);
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url?.startsWith(UPLINK_PATH)) void door.admit(request, socket, head);
  };
  server.on('upgrade', onUpgrade);
  const forget = options.fleet.onRevoked?.((device) => door.cut(device));
  return () => {
    forget?.();
    server.off('upgrade', onUpgrade);
  };
}

class Door {
  readonly #options: UplinkDoorOptions;
  readonly #refused: (labels: { code: string }) => void;
  #open = 0;
  /** connections by the device whose key they came with */
  readonly #byDevice = new Map<string, Set<WebSocket>>();
  readonly #sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_RECORD_BYTES,
    handleProtocols: (offered) => (offered.has(UPLINK_PROTOCOL) ? UPLINK_PROTOCOL : false),
  });

  constructor(options: UplinkDoorOptions) {
    this.#options = options;
    const { metrics } = options;
    const help = 'Streams of devices that were not let in, by the reason';
    this.#refused = metrics.counter({ name: 'uplink_refused_total', help, labels: ['code'] });
    metrics.gauge({ name: 'uplink_connections', help: 'Streams of devices that come in now' }, () => [
      { value: this.#open },
    ]);
  }

  /** Lets a connection in or refuses it; never rejects. */
  async admit(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const onError = () => socket.destroy();
    socket.on('error', onError);
    try {
      const camera = cameraOf(request);
      const device = await this.#deviceOf(request);
      if (!this.#protocols(request).includes(UPLINK_PROTOCOL)) {
        throw new AppError('request.invalid', `the WebSocket has to speak ${UPLINK_PROTOCOL}`);
      }
      if (this.#open >= MOST_CONNECTIONS) throw new AppError('uplink.busy', 'as many devices send as may');
      const nonce = request.headers[UPLINK_NONCE_HEADER];
      const taker = this.#options.uplinks.claim(device, camera, typeof nonce === 'string' ? nonce : '');
      this.#open += 1;
      socket.once('close', () => {
        this.#open -= 1;
      });
      this.#sockets.handleUpgrade(request, socket, head, (connection) => {
        socket.off('error', onError);
        this.#noteDevice(device, connection);
        this.#serve(connection, taker);
      });
    } catch (thrown) {
      const error = toAppError(thrown);
      const { log } = this.#options;
      if (error.code === 'internal.error') log.error('a stream was not let in', { error: thrown });
      else log.warn('a stream was refused', { code: error.code, address: request.socket.remoteAddress });
      this.#refused({ code: error.code });
      refuse(socket, error);
    }
  }

  /** Ends the streams of a device at once: its key is worth nothing any more. One whose key still is sends again when it is asked. */
  cut(device: string): void {
    for (const connection of this.#byDevice.get(device) ?? []) connection.terminate();
  }

  #noteDevice(device: string, connection: WebSocket): void {
    const connections = this.#byDevice.get(device) ?? new Set();
    this.#byDevice.set(device, connections.add(connection));
    connection.once('close', () => {
      connections.delete(connection);
      if (connections.size === 0) this.#byDevice.delete(device);
    });
  }

  async #deviceOf(request: IncomingMessage): Promise<string> {
    const key = request.headers['x-device-key'] ?? request.headers['x-api-key'];
    if (key === undefined || key === '') throw new AppError('auth.missing', 'the header X-DEVICE-KEY is missing');
    const usable = typeof key === 'string' && key.length <= MAX_KEY_CHARS;
    const device = usable ? await this.#options.fleet.deviceOfKey(key) : undefined;
    if (!device) throw new AppError('auth.invalid', 'the device key is not known');
    if (device.disabled) throw new AppError('device.disabled', `device ${device.id} is disabled`);
    return device.id;
  }

  #protocols(request: IncomingMessage): string[] {
    return (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  }

  #serve(connection: WebSocket, taker: UplinkTaker): void {
    let reason = 'the link to the device was lost';
    connection.on('message', (data, isBinary) => {
      if (isBinary && Buffer.isBuffer(data)) taker.onRecord(data);
      else connection.close(1003, 'records are binary');
    });
    connection.on('error', (error) => {
      reason = `the link to the device failed: ${error.message}`;
    });
    connection.on('close', (code, said) => {
      // What the device says in parting is why nothing comes; a connection that just ended has said nothing.
      const words = said.toString('utf8').replaceAll(/\p{Cc}+/gu, ' ');
      taker.onClosed(code !== 1006 && words !== '' ? words : reason);
    });
    taker.onOpen({
      close: (why) => {
        if (connection.readyState > connection.OPEN) return;
        connection.close(NORMAL, shortened(why));
        const cancel = this.#options.clock.after(FAREWELL_MS, () => connection.terminate());
        connection.once('close', cancel);
      },
    });
  }
}

function cameraOf({ url = '' }: IncomingMessage): string {
  const camera = url.slice(UPLINK_PATH.length).split('?', 1)[0] ?? '';
  if (!isId(camera)) throw new AppError('camera.not_found', 'there is no such camera');
  return camera;
}

function shortened(reason: string): string {
  let text = reason;
  while (Buffer.byteLength(text) > MOST_REASON_BYTES) text = text.slice(0, -1);
  return text;
}

function refuse(socket: Duplex, error: AppError): void {
  const body = JSON.stringify(refusal(error));
  const retry = error.status === 503 ? 'Retry-After: 5\r\n' : '';
  socket.end(
    `HTTP/1.1 ${error.status} Refused\r\nConnection: close\r\n${retry}Content-Type: application/json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
