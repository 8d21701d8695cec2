import { createSocket, type Socket } from 'node:dgram';
import type { AddressInfo } from 'node:net';

/** A firewall in front of one UDP port of 127.0.0.1: passes on what comes from allowed ports, and the answers; the rest is dropped and counted. */
export class UdpGate {
  passed = 0;
  dropped = 0;
  readonly #outer: Socket;
  /** one towards the inside for each port outside */
  readonly #inner = new Map<number, Socket>();
  readonly #inside: number;
  readonly #allows: (port: number) => boolean;

  constructor(outer: Socket, inside: number, allows: (port: number) => boolean) {
    this.#outer = outer;
    this.#inside = inside;
    this.#allows = allows;
    outer.on('message', (packet, { port }) => this.#in(packet, port));
  }

  static async open(inside: number, allows: (port: number) => boolean): Promise<UdpGate> {
    const outer = createSocket('udp4');
    await new Promise<void>((resolve) => outer.bind(0, '127.0.0.1', resolve));
    return new UdpGate(outer, inside, allows);
  }

  get port(): number {
    return (this.#outer.address() as AddressInfo).port;
  }

  close(): void {
    this.#outer.close();
    for (const socket of this.#inner.values()) socket.close();
    this.#inner.clear();
  }

  #in(packet: Buffer, port: number): void {
    if (!this.#allows(port)) {
      this.dropped += 1;
      return;
    }
    this.passed += 1;
    let inner = this.#inner.get(port);
    if (!inner) {
      inner = createSocket('udp4');
      inner.on('message', (answer) => this.#outer.send(answer, port, '127.0.0.1'));
      this.#inner.set(port, inner);
    }
    inner.send(packet, this.#inside, '127.0.0.1');
  }
}
