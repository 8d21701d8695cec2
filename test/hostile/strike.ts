import { connect } from 'node:net';

/** What came of an attack. */
export interface Outcome {
  /** of the first answer; undefined when the connection ended without one */
  status: number | undefined;
  /** every status that was answered on the connection: more than one shows a smuggled request */
  statuses: number[];
  /** in lower case */
  headers: Map<string, string>;
  body: string;
  /** true when the server neither answered nor closed in time */
  silent: boolean;
  ms: number;
}

const ENOUGH_BYTES = 4 * 1024 * 1024;

/**
 * Sends the bytes on a connection of its own and listens until the server closes it; an event stream is left after its header. `from` is
 * the loopback address to come from, so that limits by address do not meet those who behave. With `half`, our side is closed after the bytes.
 */
export function strike(
  port: number,
  bytes: Buffer,
  { from = '127.0.0.1', timeoutMs = 15_000, half = false } = {},
): Promise<Outcome> {
  const began = performance.now();
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from });
    const pieces: Buffer[] = [];
    let size = 0;
    const finish = (silent: boolean) => {
      clearTimeout(late);
      socket.destroy();
      resolve({ ...read(Buffer.concat(pieces).toString('latin1')), silent, ms: performance.now() - began });
    };
    const late = setTimeout(() => finish(true), timeoutMs);
    socket.on('data', (piece: Buffer) => {
      pieces.push(piece);
      size += piece.length;
      const isStream =
        size < 4096 && piece.toString('latin1').toLowerCase().includes('content-type: text/event-stream');
      if (isStream || size > ENOUGH_BYTES) finish(false);
    });
    socket.once('close', () => finish(false));
    // A reset is an answer too: 'close' follows.
    socket.on('error', () => undefined);
    socket.once('connect', () => (half ? socket.end(bytes) : socket.write(bytes)));
  });
}

function read(text: string): Pick<Outcome, 'status' | 'statuses' | 'headers' | 'body'> {
  const statuses = [...text.matchAll(/(?:^|\r\n|\})HTTP\/1\.[01] (\d{3})/g)].map((match) => Number(match[1]));
  const end = text.indexOf('\r\n\r\n');
  const headers = new Map<string, string>();
  for (const line of (end < 0 ? '' : text.slice(0, end)).split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: statuses[0], statuses, headers, body: end < 0 ? '' : text.slice(end + 4) };
}

/** Sends the bytes and listens until the connection is closed or `enough` bytes have come. `silent`: neither was so in time. */
export function knock(
  port: number,
  bytes: Buffer,
  { timeoutMs, enough = Number.POSITIVE_INFINITY }: { timeoutMs: number; enough?: number | undefined },
): Promise<{ answer: Buffer; silent: boolean }> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.2.1' });
    let answer = Buffer.alloc(0);
    const finish = (silent: boolean) => {
      clearTimeout(late);
      socket.destroy();
      resolve({ answer, silent });
    };
    const late = setTimeout(() => finish(true), timeoutMs);
    socket.on('data', (piece: Buffer) => {
      answer = Buffer.concat([answer, piece]);
      if (answer.length >= enough) finish(false);
    });
    socket.on('error', () => undefined);
    socket.once('close', () => finish(false));
    socket.once('connect', () => socket.write(bytes));
  });
}

/** Sends one header byte after the other, for ever; answers after how many seconds it was cut off. */
export function dawdle(port: number): Promise<number> {
  const began = performance.now();
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.2.2' });
    const drip = setInterval(() => socket.write('x'), 300);
    socket.once('connect', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\nX: '));
    socket.on('error', () => undefined);
    socket.once('close', () => {
      clearInterval(drip);
      resolve((performance.now() - began) / 1000);
    });
    socket.resume();
  });
}
