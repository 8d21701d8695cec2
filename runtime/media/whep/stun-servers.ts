import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Clock, Log } from '../../contracts/host.ts';

/** A session waits for the server no longer than this. */
export const STUN_LIMIT_MS = 1500;
/** One that kept silent costs the next sessions no time. */
const SILENT_MS = 300_000;
const ADDRESS = /^(stun|turn):(?:[^@]*@)?(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+))(?::(\d{1,5}))?(\?transport=udp)?$/;
const STUN_PORT = 3478;

interface Server {
  host: string;
  port: number;
  /** monotonic ms until which it is left out */
  silentUntilMs: number;
}

/** The server that a session asks, as the engine wants it. */
export interface AskedStun {
  url: string;
  /** Says whether it answered. */
  heard(answered: boolean): void;
}

export interface StunOptions {
  /** ICE_SERVERS and TURN_URLS, checked by `readIceServers` */
  servers: readonly string[];
  clock: Clock;
  log: Log;
  resolve?: (name: string) => Promise<string>;
}

/**
 * STUN servers that tell this host under which address its own port is seen from outside (RFC 8489): one for each session, the next
 * where one keeps silent. TURN servers over UDP answer the same question (RFC 8656 §3). Their relay itself is of no use here: it is
 * bound to the port it was asked from, and all sessions share one (libjuice: "TURN servers are not supported in mux mode").
 */
export class StunServers {
  readonly #servers: Server[];
  readonly #options: StunOptions;

  constructor(options: StunOptions) {
    this.#options = options;
    this.#servers = options.servers.flatMap((text): Server[] => {
      const [, , v6, name, port] = ADDRESS.exec(text) ?? [];
      const host = v6 ?? name;
      return host === undefined ? [] : [{ host, port: Number(port ?? STUN_PORT), silentUntilMs: 0 }];
    });
  }

  /** The server to ask now. Its name is looked up here: the engine would stop the whole process for it. */
  async choose(): Promise<AskedStun | undefined> {
    const { clock, log, resolve = async (name) => (await lookup(name, { family: 4 })).address } = this.#options;
    const nowMs = clock.monotonicMs();
    const server = this.#servers.find(({ silentUntilMs }) => silentUntilMs <= nowMs);
    if (!server) return undefined;
    const { host, port } = server;
    const rest = (why: string, error?: unknown) => {
      if (server.silentUntilMs > clock.monotonicMs()) return;
      server.silentUntilMs = clock.monotonicMs() + SILENT_MS;
      log.warn(`a STUN server ${why}; it is left out for 5 minutes`, { host, port, error });
    };
    let stop = () => {};
    const late = new Promise<never>((_, reject) => {
      stop = clock.after(STUN_LIMIT_MS, () => reject(new Error('the name service keeps silent')));
    });
    try {
      const address = isIP(host) === 0 ? await Promise.race([resolve(host), late]) : host;
      const url = `stun:${isIP(address) === 6 ? `[${address}]` : address}:${port}`;
      return { url, heard: (answered) => answered || rest('keeps silent') };
    } catch (error) {
      rest('was not found', error);
      return undefined;
    } finally {
      stop();
    }
  }
}
