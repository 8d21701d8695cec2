import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect as connectTcp, isIPv6 } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '../../contracts/host.ts';
import type { IceServer } from '../../contracts/live.ts';
import { ATTRIBUTE, lengthOf, longTermKey, METHOD, readAnswer, type StunAnswer, writeRequest } from './stun-message.ts';

const ANSWER_MS = 3000;
/** A datagram may be lost: it is sent again after so long, twice. */
const AGAIN_MS = 700;
const URL_PARTS = /^(turns?):(\[[0-9A-Fa-f:.]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(udp|tcp))?$/;
/** RFC 8656 §18.7: UDP */
const RELAY_UDP = Buffer.from([17, 0, 0, 0]);
const NO_LIFETIME = Buffer.alloc(4);

/** How it went. `closed`: nobody answers; `refused`: it does not take the credentials; `failed`: it says no for another reason. */
export interface TurnVerdict {
  state: 'open' | 'closed' | 'refused' | 'failed';
  reason: string;
}

/** A way to send requests and get answers. */
interface Wire {
  send(bytes: Buffer): void;
  close(): void;
}

/** Asks a TURN server for a relay address as a player would, and gives it back. */
export async function probeTurn(
  { url, username = '', credential = '' }: IceServer,
  clock: Clock,
): Promise<TurnVerdict> {
  const [, scheme, host = '', given, transport = scheme === 'turns' ? 'tcp' : 'udp'] = URL_PARTS.exec(url) ?? [];
  if (scheme === undefined) return { state: 'failed', reason: `${url} is no address of a TURN server` };
  const port = given === undefined ? (scheme === 'turns' ? 5349 : 3478) : Number(given);
  const where = `${host}:${port}${transport === 'tcp' ? (scheme === 'turns' ? ' (TLS)' : ' (TCP)') : ' (UDP)'}`;
  const wire = new TurnWire(clock);
  try {
    const name = host.replace(/^\[(.*)\]$/, '$1');
    await wire.open({ name, port, isDatagram: transport === 'udp', isTls: scheme === 'turns' });
    return await allocate(wire, { username, credential, where });
  } catch (error) {
    return { state: 'closed', reason: `nothing answers at ${where}: ${(error as Error).message}` };
  } finally {
    wire.close();
  }
}

async function allocate(
  wire: TurnWire,
  { username, credential, where }: { username: string; credential: string; where: string },
): Promise<TurnVerdict> {
  const first = await wire.ask(METHOD.allocate, [[ATTRIBUTE.transport, RELAY_UDP]]);
  const realm = first.attributes.get(ATTRIBUTE.realm);
  const nonce = first.attributes.get(ATTRIBUTE.nonce);
  if (first.kind === 'success')
    return { state: 'failed', reason: `${where} relays for everybody, without credentials` };
  if (first.error !== 401 || !realm || !nonce) return { state: 'failed', reason: `${where} answers ${first.error}` };
  const key = longTermKey(username, realm.toString('utf8'), credential);
  const who = [
    [ATTRIBUTE.username, Buffer.from(username)],
    [ATTRIBUTE.realm, realm],
    [ATTRIBUTE.nonce, nonce],
  ] as const;
  const second = await wire.ask(METHOD.allocate, [[ATTRIBUTE.transport, RELAY_UDP], ...who], key);
  if (second.kind === 'success') {
    await wire.ask(METHOD.refresh, [[ATTRIBUTE.lifetime, NO_LIFETIME], ...who], key);
    return { state: 'open', reason: `${where} relays with our credentials` };
  }
  if (second.error === 401)
    return {
      state: 'refused',
      reason: `${where} does not take our credentials: its static-auth-secret is another one`,
    };
  const why = { 403: 'forbids it', 486: 'has no room for this user', 508: 'has no port left' }[second.error ?? 0];
  return { state: 'failed', reason: `${where} ${why ?? `answers ${second.error}`}` };
}

class TurnWire {
  readonly #clock: Clock;
  #wire: Wire | undefined;
  #isDatagram = false;
  #waiting: { transaction: Buffer; resolve: (answer: StunAnswer) => void; reject: (error: Error) => void } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async open({ name, port, isDatagram, isTls }: { name: string; port: number; isDatagram: boolean; isTls: boolean }) {
    this.#isDatagram = isDatagram;
    this.#wire = isDatagram ? await this.#datagrams(name, port) : await this.#stream(name, port, isTls);
  }

  /** The answer to a request; rejects when none comes in time. */
  async ask(method: number, attributes: readonly (readonly [number, Buffer])[], key?: Buffer): Promise<StunAnswer> {
    const transaction = randomBytes(12);
    const bytes = writeRequest(method, transaction, attributes, key);
    const cancels: (() => void)[] = [];
    try {
      return await new Promise<StunAnswer>((resolve, reject) => {
        this.#waiting = { transaction, resolve, reject };
        cancels.push(this.#clock.after(ANSWER_MS, () => reject(new Error('no answer'))));
        this.#wire?.send(bytes);
        if (this.#isDatagram)
          for (const again of [1, 2]) cancels.push(this.#clock.after(again * AGAIN_MS, () => this.#wire?.send(bytes)));
      });
    } finally {
      for (const cancel of cancels) cancel();
      this.#waiting = undefined;
    }
  }

  close(): void {
    this.#wire?.close();
    this.#wire = undefined;
  }

  #take(bytes: Buffer): void {
    const answer = readAnswer(bytes);
    if (answer && this.#waiting?.transaction.equals(answer.transaction)) this.#waiting.resolve(answer);
  }

  async #datagrams(name: string, port: number): Promise<Wire> {
    const { address } = await lookup(name);
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    socket.on('message', (bytes) => this.#take(bytes));
    socket.on('error', (error) => this.#waiting?.reject(error));
    await new Promise<void>((resolve) => socket.connect(port, address, () => resolve()));
    // A closed port is told by the system as the error of the next sending.
    return {
      send: (bytes) => socket.send(bytes, (error) => error && this.#waiting?.reject(error)),
      close: () => void socket.close(),
    };
  }

  #stream(host: string, port: number, isTls: boolean): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = isTls
        ? connectTls({ host, port, servername: isTls && !/^[\d.:]+$/.test(host) ? host : undefined })
        : connectTcp({ host, port });
      let rest = Buffer.alloc(0);
      const cancel = this.#clock.after(ANSWER_MS, () => socket.destroy(new Error('no answer')));
      socket.on('data', (bytes: Buffer) => {
        rest = Buffer.concat([rest, bytes]);
        for (let length = lengthOf(rest); length !== undefined && rest.length >= length; length = lengthOf(rest)) {
          this.#take(rest.subarray(0, length));
          rest = rest.subarray(length);
        }
      });
      socket.on('error', (error) => {
        cancel();
        reject(error);
        this.#waiting?.reject(error);
      });
      socket.on('close', () => this.#waiting?.reject(new Error('it closed the connection')));
      socket.once(isTls ? 'secureConnect' : 'connect', () => {
        cancel();
        resolve({ send: (bytes) => void socket.write(bytes), close: () => void socket.destroy() });
      });
    });
  }
}
