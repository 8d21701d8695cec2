import { once } from 'node:events';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { toAppError } from '../contracts/errors.ts';
import type { Clock, Log } from '../contracts/host.ts';
import type { Part } from '../lib/part.ts';
import { type AdminLine, type AdminRequest, parseAdminRequest } from './admin/protocol.ts';
import type { AdminWork } from './admin/work.ts';

const MAX_REQUEST_BYTES = 4096;
const MAX_CONNECTIONS = 8;
/** How long somebody may take for their request, ms. */
const REQUEST_MS = 10_000;

export interface AdminSocketOptions {
  /** in the data folder, which the caller has locked: what lies there already is of a process that is gone */
  path: string;
  work: AdminWork;
  /** Has the server end in order, for a restore. */
  end: () => void;
  clock: Clock;
  log: Log;
}

/**
 * Lets `npm run admin` speak to the running server: a Unix socket that only the server's own user (and root) can open. Whoever can open it
 * may do everything, and could read the data folder anyway.
 */
export function createAdminSocket({ path, work, end, clock, log }: AdminSocketOptions): Part {
  let server: Server | undefined;
  const sockets = new Set<Socket>();

  const serve = async (socket: Socket): Promise<void> => {
    const say = (line: AdminLine) => write(socket, `${JSON.stringify(line)}\n`);
    try {
      const request = parseAdminRequest(await readRequest(socket, clock)) as AdminRequest;
      log.info('asked by the admin command', { ask: request.ask });
      await say({ ok: true, answer: await answerTo(request, work, say) });
      if (request.ask === 'end') end();
    } catch (thrown) {
      const { code, message } = toAppError(thrown);
      if (code === 'internal.error') log.error('the admin command failed', { error: thrown });
      if (socket.writable) await say({ ok: false, code, message });
    } finally {
      socket.end();
    }
  };

  return {
    async start() {
      if (server) return;
      await rm(path, { force: true });
      const opening = createServer((socket) => {
        sockets.add(socket);
        socket.on('close', () => sockets.delete(socket));
        socket.on('error', (error) => log.debug('an admin connection broke', { error }));
        serve(socket).catch((error) => log.debug('an admin connection broke', { error }));
      });
      opening.maxConnections = MAX_CONNECTIONS;
      // The file gets its rights when it is made: between `listen` and `chmod` anybody could slip in.
      const mask = process.umask(0o177);
      try {
        opening.listen(path);
      } finally {
        process.umask(mask);
      }
      await once(opening, 'listening');
      await chmod(path, 0o600);
      server = opening;
    },

    async stop() {
      const closing = server;
      server = undefined;
      if (!closing) return;
      const closed = once(closing, 'close');
      closing.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function answerTo(
  request: AdminRequest,
  work: AdminWork,
  say: (line: AdminLine) => Promise<void>,
): Promise<object> {
  if (request.ask === 'status') return work.status();
  if (request.ask === 'end') return {};
  if (request.ask === 'reset-password') return work.resetPassword(request.user);
  const out = new Writable({
    write: (chunk: Buffer, _encoding, done) => void say({ chunk: chunk.toString('base64') }).then(() => done(), done),
  });
  return work.backup(out, { images: request.images });
}

/** The first line that comes. */
async function readRequest(socket: Socket, clock: Clock): Promise<unknown> {
  const cancel = clock.after(REQUEST_MS, () => socket.destroy());
  let heard = '';
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      heard += String(chunk);
      const end = heard.indexOf('\n');
      if (end >= 0) return parseJson(heard.slice(0, end));
      if (heard.length > MAX_REQUEST_BYTES) break;
    }
  } finally {
    cancel();
  }
  return undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The schema refuses it, with words.
    return undefined;
  }
}

/** Resolves when the socket takes more; rejects when it is gone. */
async function write(socket: Socket, text: string): Promise<void> {
  if (socket.destroyed) throw new Error('the admin command is gone');
  await new Promise<void>((resolve, reject) => {
    socket.write(text, (error) => (error ? reject(error) : resolve()));
  });
}
