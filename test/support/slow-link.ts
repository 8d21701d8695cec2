import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

const TICK_MS = 20;

/** A TCP way to a port of 127.0.0.1 that lets through so many bytes a second towards it, all connections together; answers pass at once. */
export class SlowLink {
  /** bytes a second; changes at once */
  rate: number;
  /** bytes that got through */
  passed = 0;
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  constructor(behind: number, rate: number) {
    this.rate = rate;
    this.#server = createServer((socket) => this.#join(socket, connect(behind, '127.0.0.1')));
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #join(near: Socket, far: Socket): void {
    let last = performance.now();
    let allowed = 0;
    // Not more is taken from the sender than may pass: the rest waits in its socket, as on a line.
    const tick = setInterval(() => {
      const now = performance.now();
      allowed = Math.min(allowed + ((now - last) * this.rate) / 1000, this.rate / 10);
      last = now;
      while (allowed >= 1 && near.readableLength > 0) {
        const chunk: Buffer | null = near.read(Math.min(Math.floor(allowed), near.readableLength));
        if (!chunk) break;
        allowed -= chunk.length;
        this.passed += chunk.length;
        far.write(chunk);
      }
      near.read(0);
    }, TICK_MS);
    const end = () => {
      clearInterval(tick);
      for (const side of [near, far]) {
        this.#open.delete(side);
        side.destroy();
      }
    };
    near.on('readable', () => undefined);
    far.on('data', (chunk) => near.write(chunk));
    for (const side of [near, far]) {
      this.#open.add(side);
      side.on('error', end).on('close', end).on('end', end);
    }
  }
}
