import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type AppError, toAppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import { ended, tailOf } from '../../lib/child-process.ts';
import type { RtmpDestination } from './destination.ts';
import { PieceWriter } from './piece-writer.ts';
import { type Progress, progressReader } from './progress.ts';

export interface PushLaunch {
  ffmpegPath: string;
  destination: RtmpDestination;
  /** of this process alone, 0700: the key lies there until ffmpeg has read it */
  folder: string;
  caFile?: string | undefined;
  clock: Clock;
  onProgress: (progress: Progress) => void;
}

/** How it ended: its last words, or the error that kept it from beginning. */
export interface PushEnding {
  stderr: string;
  error?: AppError;
}

export interface PushProcess {
  readonly pid: number | undefined;
  /** resolves once the process and its pipes are gone; never rejects */
  readonly gone: Promise<PushEnding>;
  /** bytes that wait for it to read them */
  readonly backlog: number;
  /** bytes it has taken */
  readonly taken: number;
  write(bytes: Buffer): void;
  /** Lets it tell the destination the end, and insists after 2 s. */
  end(): void;
  /** SIGKILL: one that is blocked by a frozen destination does not end otherwise (18 s were measured). */
  kill(): void;
}

const GRACE_MS = 2000;

/** Writes the key's file and starts ffmpeg; rejects with `process.failed` when the file cannot be written. */
export async function startPushProcess(launch: PushLaunch): Promise<PushProcess> {
  const { ffmpegPath, destination, folder, caFile, clock, onProgress } = launch;
  // Loaded by the first push only.
  const { presetText, pushArguments } = await import('./arguments.ts');
  const presetFile = join(folder, `${randomBytes(8).toString('hex')}.ffpreset`);
  await writeFile(presetFile, presetText(destination), { mode: 0o600, flag: 'wx' });
  const args = pushArguments({ destination, presetFile, caFile });
  const child = spawn(ffmpegPath, args, { stdio: ['pipe', 'ignore', 'pipe', 'pipe'] });
  let hasKey = true;
  const forgetKey = () => {
    if (!hasKey) return;
    hasKey = false;
    // A folder that is gone took the file with it.
    void rm(presetFile, { force: true }).catch(() => undefined);
  };
  const stderr = tailOf(child);
  const read = progressReader((progress) => {
    forgetKey();
    onProgress(progress);
  });
  const reports = child.stdio[3] as Readable | null | undefined;
  reports?.on('data', read);
  reports?.on('error', () => reports.destroy());
  // A process that ends before it has read its input is judged by its end, not by the broken pipe.
  child.stdin?.on('error', () => child.stdin?.destroy());
  let insist = () => {};
  const input = child.stdin && new PieceWriter(child.stdin);
  const gone = ended(child, ffmpegPath).then(
    (): PushEnding => ({ stderr: stderr() }),
    (thrown: unknown): PushEnding => ({ stderr: stderr(), error: toAppError(thrown) }),
  );
  void gone.then(() => {
    insist();
    forgetKey();
  });
  return {
    pid: child.pid,
    gone,
    get backlog() {
      return input?.waiting ?? 0;
    },
    get taken() {
      return input?.taken ?? 0;
    },
    write: (bytes) => input?.write(bytes),
    end() {
      input?.end();
      insist = clock.after(GRACE_MS, () => child.kill('SIGKILL'));
    },
    kill: () => void child.kill('SIGKILL'),
  };
}
