import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

const COOKIE = 0x2112a442;

/** What a STUN server (RFC 8489) says to one that stands behind NAT: another address than its own. It can keep silent. Stop it in `afterEach`. */
export class StunAnswers {
  isSilent = false;
  /** addresses that asked, as `address:port` */
  readonly asked: string[] = [];
  readonly #socket: Socket;

  constructor(socket: Socket, seenAs: { address: string; port: number }) {
    this.#socket = socket;
    socket.on('message', (packet, from) => {
      // A Binding request with the magic cookie; anything else is not for a STUN server.
      if (packet.length < 20 || packet.readUInt16BE(0) !== 1 || packet.readUInt32BE(4) !== COOKIE) return;
      this.asked.push(`${from.address}:${from.port}`);
      if (!this.isSilent) socket.send(bindingSuccess(packet.subarray(8, 20), seenAs), from.port, from.address);
    });
  }

  static async start(seenAs: { address: string; port: number }): Promise<StunAnswers> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new StunAnswers(socket, seenAs);
  }

  get url(): string {
    return `stun:127.0.0.1:${(this.#socket.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}

/** Binding success with XOR-MAPPED-ADDRESS (RFC 8489 §14.2). */
function bindingSuccess(transaction: Buffer, { address, port }: { address: string; port: number }): Buffer {
  const answer = Buffer.alloc(32);
  answer.writeUInt16BE(0x0101, 0);
  answer.writeUInt16BE(12, 2);
  answer.writeUInt32BE(COOKIE, 4);
  transaction.copy(answer, 8);
  answer.writeUInt16BE(0x0020, 20);
  answer.writeUInt16BE(8, 22);
  answer.writeUInt16BE(1, 24);
  answer.writeUInt16BE(port ^ (COOKIE >>> 16), 26);
  const ip = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  answer.writeUInt32BE((ip ^ COOKIE) >>> 0, 28);
  return answer;
}
