import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below those that systems hand out by themselves (Linux: from 32768 on): no connection and no other test takes one while a server
 * that has it is started again.
 */
const FIRST = 20_000;
const COUNT = 12_000;

const given = new Set<number>();

/** Ports of 127.0.0.1 that nobody uses now, all different, and never those of an earlier call. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = FIRST + randomInt(COUNT);
    if (given.has(port) || (await isTaken(port))) continue;
    given.add(port);
    ports.push(port);
  }
  return ports;
}

/** Whether somebody listens there. */
export async function isTaken(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(true));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(false)));
  });
}

/** A port of 127.0.0.1 at which nobody answers. */
export async function closedPort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/** A UDP port of 127.0.0.1 that nobody uses now. */
export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}
