import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * How a wire is cut. `silent`: as a pulled cable; what is under way stays under way, new connections seem to be made, and nothing comes
 * through until it is mended. `refused`: what is under way is dropped, and nobody listens.
 */
export type Cut = 'silent' | 'refused';

/** Where this machine's other end of the wire is: the same ports as the server's, under another address of the loopback. */
const NEAR = '127.0.0.2';
const FAR = '127.0.0.1';

/** The network between devices and a server of this machine, port by port, as TCP and nothing more. It can be cut and mended. */
export class Wire {
  /** the server's name at this end */
  static readonly host = NEAR;
  readonly #listeners: { port: number; server: Server }[] = [];
  readonly #sockets = new Set<Socket>();
  #open: Promise<void> = Promise.resolve();
  #mend: () => void = () => undefined;

  private constructor() {}

  /** Lays the wire to these ports of the server. */
  static async lay(ports: readonly number[]): Promise<Wire> {
    const wire = new Wire();
    for (const port of ports) {
      const server = createServer({ allowHalfOpen: true }, (near) => void wire.#carry(near, port));
      wire.#listeners.push({ port, server });
    }
    await wire.#listen();
    return wire;
  }

  async cut(how: Cut): Promise<void> {
    if (how === 'silent') {
      this.#open = new Promise((resolve) => {
        this.#mend = resolve;
      });
      return;
    }
    const closed = this.#listeners.map(({ server }) => once(server.close(), 'close'));
    this.#dropAll();
    await Promise.all(closed);
  }

  /** What a silent cut held back goes on its way now, late, as after any pulled cable. */
  async mend(): Promise<void> {
    this.#mend();
    await this.#listen();
  }

  async close(): Promise<void> {
    await this.cut('refused');
    this.#mend();
  }

  async #listen(): Promise<void> {
    const idle = this.#listeners.filter(({ server }) => !server.listening);
    await Promise.all(idle.map(({ server, port }) => once(server.listen(port, NEAR), 'listening')));
  }

  #dropAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async #carry(near: Socket, port: number): Promise<void> {
    this.#keep(near);
    // A connection that is asked for during the cut reaches the server when the wire is whole again.
    await this.#open;
    if (near.destroyed) return;
    const far = this.#keep(connect({ host: FAR, port, allowHalfOpen: true }));
    await Promise.all([this.#pump(near, far), this.#pump(far, near)]);
  }

  async #pump(from: Socket, to: Socket): Promise<void> {
    try {
      for await (const chunk of from.iterator({ destroyOnReturn: false })) {
        await this.#open;
        if (!to.write(chunk)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
      }
      await this.#open;
      to.end();
    } catch {
      // One side broke off: the other one hears of it, but not before the wire is whole.
      await this.#open;
      to.destroy();
    }
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    // Told by the pump, which sees the same error.
    socket.on('error', () => socket.destroy());
    return socket;
  }
}
