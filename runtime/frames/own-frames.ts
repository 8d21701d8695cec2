import { AppError, toAppError } from '../contracts/errors.ts';
import type { Still } from '../contracts/frame.ts';
import type { Clock, Log } from '../contracts/host.ts';
import { SERVER_DEVICE } from '../contracts/ids.ts';
import type { FramesService, IncomingFrame } from '../contracts/services.ts';
import type { Db } from '../db/db.ts';
import { findDevice } from '../db/devices.repo.ts';
import type { Part } from '../lib/part.ts';

export interface OwnFramesOptions {
  db: Db;
  frames: Pick<FramesService, 'accept'>;
  clock: Clock;
  log: Log;
  /** whether the register has it as a camera of the server */
  isOwn: (camera: string) => boolean;
}

/** Stills that may wait for a database that is away, and their bytes; more are refused. */
const MOST_WAITING = 64;
const MOST_BYTES = 64 * 1024 * 1024;
/** So many are handed to the intake at once: it writes them as one batch, in order. */
const AT_ONCE = 16;

interface Waiting {
  still: Still;
  /** kept over retries, so that a frame whose answer was lost is known again; none before the first try */
  seq?: number;
  resolve(stored: { id: string; seq: number }): void;
  reject(error: unknown): void;
}

/** Numbers the pictures of the server's own cameras and stores them as frames of device `server`. */
export class OwnFrames implements Part {
  readonly #options: OwnFramesOptions;
  #waiting: Waiting[] = [];
  /** the number of the next frame; unknown before the database was asked */
  #next: number | undefined;
  #pump: Promise<void> | undefined;
  #ending = new AbortController();

  constructor(options: OwnFramesOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#ending = new AbortController();
    this.#next = undefined;
  }

  /** Tries once more for what waits; what cannot be stored then is refused. */
  async stop(): Promise<void> {
    this.#ending.abort(stopped());
    await this.#pump;
  }

  /** As `IngestHost.store`. */
  store(still: Still): Promise<{ id: string; seq: number }> {
    if (this.#ending.signal.aborted) return Promise.reject(stopped());
    if (!this.#options.isOwn(still.camera)) {
      const words = `${still.camera} is no camera of the server: add it under Devices, then its pictures can be stored`;
      return Promise.reject(new AppError('camera.foreign', words));
    }
    const bytes = this.#waiting.reduce((sum, { still: { jpeg } }) => sum + jpeg.length, still.jpeg.length);
    if (this.#waiting.length >= MOST_WAITING || bytes > MOST_BYTES) {
      const words = `${this.#waiting.length} pictures wait to be stored already`;
      return Promise.reject(new AppError('ingest.busy', words, { retryAfterS: 5 }));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ still, resolve, reject });
      this.#pump ??= this.#run();
    });
  }

  async #run(): Promise<void> {
    // One turn later: stills that come together are written together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const pauseS = await this.#round();
      if (pauseS === undefined) continue;
      const { signal } = this.#ending;
      if (!signal.aborted) {
        await this.#options.clock.sleep(pauseS * 1000, signal).catch((error: unknown) => {
          if (!signal.aborted) throw error;
        });
      }
      if (signal.aborted) for (const { reject } of this.#waiting.splice(0)) reject(stopped());
    }
    this.#pump = undefined;
  }

  /** Tries the first stills; answers after how many seconds to try again those that could not be stored now. */
  async #round(): Promise<number | undefined> {
    try {
      this.#next ??= await this.#afterLast();
    } catch (thrown) {
      this.#options.log.warn("the number of the server's last frame is not known yet", { error: thrown });
      return 1;
    }
    const batch = this.#waiting.splice(0, AT_ONCE);
    for (const waiting of batch) waiting.seq ??= this.#take();
    const pauses = await Promise.all(batch.map((waiting) => this.#offer(waiting)));
    const again = batch.filter((_, at) => pauses[at] !== undefined);
    this.#waiting.unshift(...again);
    return again.length > 0 ? Math.max(...pauses.map((pause) => pause ?? 0)) : undefined;
  }

  /** Undefined when it is settled, else the seconds until another try. */
  async #offer(waiting: Waiting): Promise<number | undefined> {
    const { seq, still } = waiting;
    if (seq === undefined) return 0;
    try {
      const answer = await this.#options.frames.accept(frameOf(still, seq));
      if (answer.outcome === 'conflict') {
        // Another server on the same database has taken the number: it gets a new one, behind all others.
        this.#next = Math.max(this.#next ?? 0, answer.lastSeq + 1);
        waiting.seq = undefined;
        return 0;
      }
      waiting.resolve({ id: answer.frameId, seq });
    } catch (thrown) {
      const error = toAppError(thrown);
      if (error.code === 'db.unavailable' || error.code === 'ingest.busy') return error.details.retryAfterS ?? 1;
      waiting.reject(error);
    }
    return undefined;
  }

  #take(): number {
    const seq = this.#next ?? 0;
    this.#next = seq + 1;
    return seq;
  }

  async #afterLast(): Promise<number> {
    const device = await findDevice(this.#options.db, SERVER_DEVICE);
    if (!device) throw new AppError('device.not_found', 'the device of the server is not registered');
    return device.last_seq + 1;
  }
}

function frameOf(still: Still, seq: number): IncomingFrame {
  const { camera, capturedAt, width, height, jpegQuality, jpeg } = still;
  const meta = {
    device_id: SERVER_DEVICE,
    camera,
    capture_ts: capturedAt / 1000,
    seq,
    width,
    height,
    jpeg_quality: jpegQuality,
  };
  return { device: SERVER_DEVICE, camera, meta, capturedAt, jpeg };
}

function stopped(): AppError {
  return new AppError('flows.stopped', 'the server is stopping');
}
