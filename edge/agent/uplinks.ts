import type { Clock, Log } from '../../runtime/contracts/host.ts';
import {
  MAX_RECORD_BYTES,
  type StreamCommandArgs,
  UPLINK_NONCE_HEADER,
  UPLINK_PROTOCOL,
} from '../../runtime/contracts/uplink.ts';
import type { Part } from '../../runtime/lib/part.ts';
import { type ToAgent, type ToChild, UPLINK_WINDOW_BYTES } from '../ipc.ts';

/** A device has a few cameras; more streams than these are a mistake of somebody. */
const MOST = 8;
const CONNECT_MS = 10_000;
/** A server that takes no byte of what was handed over for so long is gone. */
const STUCK_MS = 15_000;
const FAREWELL_MS = 2000;
/** RFC 6455 §5.5 */
const MOST_REASON_BYTES = 120;

type FromChild = Extract<ToAgent, { type: 'uplink-record' | 'uplink-end' }>;
type Socket = import('ws').WebSocket;

interface Uplink {
  id: number;
  camera: string;
  socket?: Socket;
  /** records that came before the connection stood */
  early: Buffer[];
  /** bytes that the child was not yet told to be gone */
  owed: number;
  /** why it is over although it never stood: said as soon as it does */
  farewell?: string;
  cancelStuck: () => void;
}

export interface UplinksOptions {
  /** the server's address, which may hold a path */
  url: string;
  key: string;
  clock: Clock;
  log: Log;
  toChild: (message: ToChild) => void;
}

/**
 * Streams on their way to the server: opened when it asks, one connection each, and ended by it. The key goes to the server that this
 * device knows and nowhere else, whatever a command says. What the child hands over is passed on as it is, within bounds.
 */
export class Uplinks implements Part {
  readonly #options: UplinksOptions;
  readonly #uplinks = new Map<number, Uplink>();
  #lastId = 0;
  #running = false;

  constructor(options: UplinksOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#running = true;
  }

  async stop(): Promise<void> {
    this.#running = false;
    for (const uplink of [...this.#uplinks.values()]) this.#end(uplink, 'the device stops');
  }

  /** how many streams go out now */
  get count(): number {
    return this.#uplinks.size;
  }

  /** Begins to send a camera's stream; an earlier one of that camera ends. Throws in words when it cannot be. */
  async open(args: StreamCommandArgs): Promise<void> {
    if (!this.#running) throw new Error('the device stops');
    for (const old of [...this.#uplinks.values()])
      if (old.camera === args.camera) this.#end(old, 'it was asked for anew');
    if (this.#uplinks.size >= MOST) throw new Error(`the device sends ${MOST} streams already`);
    this.#lastId += 1;
    const uplink: Uplink = { id: this.#lastId, camera: args.camera, early: [], owed: 0, cancelStuck: () => undefined };
    this.#uplinks.set(uplink.id, uplink);
    // The camera may take as long to open as the connection does: both begin now.
    this.#options.toChild({ type: 'uplink-open', id: uplink.id, camera: args.camera });
    const { WebSocket } = await import('ws');
    if (!this.#uplinks.has(uplink.id) && uplink.farewell === undefined) return;
    const base = this.#options.url.replace(/\/+$/, '').replace(/^http/, 'ws');
    const socket = new WebSocket(base + args.path, UPLINK_PROTOCOL, {
      headers: { 'x-device-key': this.#options.key, [UPLINK_NONCE_HEADER]: args.nonce },
      handshakeTimeout: CONNECT_MS,
      perMessageDeflate: false,
      // The server has nothing to say but farewell.
      maxPayload: 1024,
      followRedirects: false,
    });
    uplink.socket = socket;
    this.#follow(uplink, socket);
  }

  /** What the child says of a stream. */
  hear(message: FromChild): void {
    const uplink = this.#uplinks.get(message.id);
    if (!uplink) {
      // It may not have heard yet that it is over.
      if (message.type === 'uplink-record') this.#options.toChild({ type: 'uplink-close', id: message.id });
      return;
    }
    if (message.type === 'uplink-end') this.#end(uplink, message.reason);
    else this.#take(uplink, message.record);
  }

  /** The child is gone, and its cameras with it. */
  childIsGone(): void {
    for (const uplink of [...this.#uplinks.values()]) this.#end(uplink, 'the flow process of the device was restarted');
  }

  #follow(uplink: Uplink, socket: Socket): void {
    const { log } = this.#options;
    const { camera } = uplink;
    let reason = 'the connection ended';
    socket.on('open', () => {
      if (uplink.farewell !== undefined) {
        this.#leave(socket, uplink.farewell);
        return;
      }
      log.info('a stream goes to the server', { camera });
      for (const record of uplink.early.splice(0)) this.#send(uplink, socket, record);
    });
    socket.on('unexpected-response', (_request, response) => {
      reason = `the server answered ${response.statusCode}`;
      socket.terminate();
    });
    socket.on('error', (error) => {
      reason = error.message;
    });
    socket.on('close', (_code, said) => {
      if (!this.#uplinks.has(uplink.id)) return;
      log.info('a stream to the server ended', { camera, reason: said.length > 0 ? said.toString('utf8') : reason });
      this.#forget(uplink);
    });
  }

  #take(uplink: Uplink, record: Buffer): void {
    uplink.owed += record.length;
    // The child keeps within its window by itself; a flow that speaks in its name does not.
    if (record.length > MAX_RECORD_BYTES || uplink.owed > UPLINK_WINDOW_BYTES + MAX_RECORD_BYTES) {
      this.#end(uplink, 'the flow process sends more than was taken');
      return;
    }
    const { socket } = uplink;
    if (socket?.readyState === socket?.OPEN && socket) this.#send(uplink, socket, record);
    else uplink.early.push(record);
  }

  #send(uplink: Uplink, socket: Socket, record: Buffer): void {
    if (socket.bufferedAmount === 0) this.#watchStuck(uplink);
    socket.send(record, { binary: true }, (error) => {
      if (error || !this.#uplinks.has(uplink.id)) return;
      uplink.owed -= record.length;
      this.#options.toChild({ type: 'uplink-taken', id: uplink.id, bytes: record.length });
      if (uplink.owed > 0) this.#watchStuck(uplink);
      else uplink.cancelStuck();
    });
  }

  #watchStuck(uplink: Uplink): void {
    uplink.cancelStuck();
    uplink.cancelStuck = this.#options.clock.after(STUCK_MS, () =>
      this.#end(uplink, 'the server took nothing for 15 s'),
    );
  }

  #end(uplink: Uplink, reason: string): void {
    if (!this.#uplinks.has(uplink.id)) return;
    this.#options.log.info('a stream to the server ends', { camera: uplink.camera, reason });
    this.#forget(uplink);
    const { socket } = uplink;
    if (socket?.readyState === socket?.OPEN && socket) this.#leave(socket, reason);
    else uplink.farewell = reason;
  }

  #leave(socket: Socket, reason: string): void {
    socket.close(1000, shortened(reason));
    const cancel = this.#options.clock.after(FAREWELL_MS, () => socket.terminate());
    socket.once('close', cancel);
  }

  #forget(uplink: Uplink): void {
    uplink.cancelStuck();
    this.#uplinks.delete(uplink.id);
    this.#options.toChild({ type: 'uplink-close', id: uplink.id });
  }
}

function shortened(reason: string): string {
  let text = reason;
  while (Buffer.byteLength(text) > MOST_REASON_BYTES) text = text.slice(0, -1);
  return text;
}
