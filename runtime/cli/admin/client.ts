import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { AppError, ERROR_CODES, type ErrorCode } from '../../contracts/errors.ts';
import type { PackSummary } from './pack.ts';
import { type AdminLine, type AdminRequest, type AdminStatus, SOCKET_NAME } from './protocol.ts';
import type { AdminWork } from './work.ts';

/** A server that runs. */
export interface RunningServer extends AdminWork {
  /** Has it end in order, as a signal would; resolves when it has begun to. */
  end(): Promise<void>;
}

/** The commands, done by the server that runs on a data folder; undefined when none does. */
export async function runningServer(dataDir: string): Promise<RunningServer | undefined> {
  const path = join(dataDir, SOCKET_NAME);
  // Asked once, to know that somebody is there.
  const socket = await opened(path);
  if (!socket) return undefined;
  socket.destroy();
  const ask = async <T>(request: AdminRequest, onChunk?: (chunk: Buffer) => Promise<void>): Promise<T> => {
    const connection = await opened(path);
    if (!connection) throw new AppError('data_dir.locked', 'the server has just ended: try again');
    return talk<T>(connection, request, onChunk);
  };
  return {
    status: () => ask<AdminStatus>({ ask: 'status' }),
    end: async () => void (await ask({ ask: 'end' })),
    resetPassword: (user) => ask({ ask: 'reset-password', user }),
    async backup(out, { images }) {
      const summary = await ask<PackSummary>({ ask: 'backup', images }, (chunk) => into(out, chunk));
      out.end();
      await finished(out);
      return summary;
    },
  };
}

async function talk<T>(
  socket: Socket,
  request: AdminRequest,
  onChunk: (chunk: Buffer) => Promise<void> = async () => {},
): Promise<T> {
  try {
    socket.write(`${JSON.stringify(request)}\n`);
    for await (const text of createInterface({ input: socket })) {
      const line = JSON.parse(text) as AdminLine;
      if ('chunk' in line) await onChunk(Buffer.from(line.chunk, 'base64'));
      else if (line.ok) return line.answer as T;
      else throw new AppError(codeOf(line.code), line.message);
    }
  } finally {
    socket.destroy();
  }
  throw new AppError('process.failed', 'the server ended in the middle of its answer');
}

async function opened(path: string): Promise<Socket | undefined> {
  const socket = connect(path);
  try {
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Not there, or left behind by a process that is gone.
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR') return undefined;
    if (code === 'EACCES' || code === 'EPERM') {
      throw new AppError('request.invalid', `${path} belongs to another user: run this as the user of the server`);
    }
    throw error;
  }
  socket.on('error', () => socket.destroy());
  return socket;
}

function into(out: Writable, chunk: Buffer): Promise<void> {
  return new Promise((resolve, reject) => out.write(chunk, (error) => (error ? reject(error) : resolve())));
}

function codeOf(code: string): ErrorCode {
  return code in ERROR_CODES ? (code as ErrorCode) : 'internal.error';
}
