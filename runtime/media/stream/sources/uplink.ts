import { AppError, toAppError } from '../../../contracts/errors.ts';
import type { Release } from '../../../contracts/host.ts';
import { MAX_RECORD_BYTES, type UplinkConnection, type UplinkTaker } from '../../../contracts/uplink.ts';
import { decodeRecord, type UplinkRecord } from '../../../lib/uplink-records.ts';
import { RestartPause } from '../../restart-pause.ts';
import { ByteAllowance, type ByteRate } from '../../uplink/byte-allowance.ts';
import type { Asked } from '../../uplink/desk.ts';
import { splitAnnexB } from '../nal.ts';
import type { SourceParts } from '../process-source.ts';
import type { SourceSink, StreamSource } from '../stream-source.ts';

/** A device that said yes has so long to connect and send its first record. */
const FIRST_MS = 15_000;
/** The device says that it lives every 4 s when it has nothing else to say. */
const SILENCE_MS = 12_000;
/** A link that was good for so long is well: its next failure counts as the first. */
const WELL_MS = 10_000;
/** However many come to watch, a device that fails is not asked more often than this. */
const LEAST_REST_MS = 2000;
/** 48 Mbit/s is more than an H.264 camera has; the burst holds the group of pictures that a stream begins with. */
const RATE: ByteRate = { perSecond: 6_000_000, burst: 3 * MAX_RECORD_BYTES };

export interface UplinkSourceOptions extends SourceParts {
  device: string;
  camera: string;
  /** Asks the device; `taker` gets its connection. */
  ask(device: string, camera: string, taker: UplinkTaker): Asked;
  /** Why there is no use in asking now, in words; undefined when there is. */
  trouble(): string | undefined;
  /** Calls when the device has come back. */
  onBack(run: () => void): Release;
  /** bytes that may come; default 6 MB a second, 24 MB at once */
  rate?: ByteRate;
}

/** One asking, from the command to the end of its connection. */
interface Run {
  asked?: Asked;
  connection?: UplinkConnection;
  allowance: ByteAllowance;
  firstMs?: number;
  lastMs: number;
  format?: UplinkRecord & { kind: 'format' };
  /** the hub was told the format of what comes now */
  isTold: boolean;
}

/**
 * The stream of a device's camera over a connection that the device opens when it is asked. A link that is lost, falls silent, or brings
 * what is no stream is a failure in words; the device is asked again with growing pauses, and at once when it comes back online.
 */
export class UplinkSource implements StreamSource {
  readonly #options: UplinkSourceOptions;
  readonly #pause: RestartPause;
  #sink: SourceSink | undefined;
  #run: Run | undefined;
  #lostMs = Number.NEGATIVE_INFINITY;
  #cancelPause = () => {};
  #cancelWatch = () => {};
  #unlisten: Release = () => {};

  constructor(options: UplinkSourceOptions) {
    this.#options = options;
    this.#pause = new RestartPause(options.random);
  }

  start(sink: SourceSink): void {
    if (this.#sink) return;
    this.#sink = sink;
    this.#pause.reset();
    this.#unlisten = this.#options.onBack(() => {
      this.#pause.reset();
      if (this.#sink && !this.#run) this.#ask();
    });
    // The hub that starts a source is not done with its own beginning: what fails at once is told after it.
    queueMicrotask(() => {
      if (this.#sink === sink && !this.#run) this.#ask();
    });
  }

  hurry(): void {
    const restedMs = this.#options.clock.monotonicMs() - this.#lostMs;
    if (this.#sink && !this.#run && restedMs >= LEAST_REST_MS) this.#ask();
  }

  async stop(): Promise<void> {
    this.#sink = undefined;
    this.#unlisten();
    this.#cancelPause();
    this.#end(this.#run, 'nobody watches any more');
  }

  #ask(): void {
    this.#cancelPause();
    const { clock, device, camera, ask, trouble, rate = RATE } = this.#options;
    const run: Run = { allowance: new ByteAllowance(rate, clock), lastMs: clock.monotonicMs(), isTold: false };
    this.#run = run;
    const why = trouble();
    if (why !== undefined) {
      this.#lost(run, why);
      return;
    }
    const asked = ask(device, camera, {
      onOpen: (connection) => this.#opened(run, connection),
      onRecord: (bytes) => this.#take(run, bytes),
      onClosed: (reason) => this.#lost(run, reason),
    });
    run.asked = asked;
    this.#watch(run);
    asked.answered.catch((thrown) => this.#lost(run, toAppError(thrown).message));
  }

  #opened(run: Run, connection: UplinkConnection): void {
    if (this.#run !== run) {
      connection.close('nobody watches any more');
      return;
    }
    run.connection = connection;
    run.lastMs = this.#options.clock.monotonicMs();
  }

  #take(run: Run, bytes: Buffer): void {
    const sink = this.#sink;
    if (this.#run !== run || !sink) return;
    try {
      if (bytes.length > MAX_RECORD_BYTES || !run.allowance.take(bytes.length)) {
        throw new AppError('uplink.malformed', 'the device sends more than a camera can');
      }
      const nowMs = this.#options.clock.monotonicMs();
      run.lastMs = nowMs;
      run.firstMs ??= nowMs;
      if (nowMs - run.firstMs > WELL_MS) this.#pause.reset();
      this.#hand(run, sink, decodeRecord(bytes));
    } catch (thrown) {
      this.#lost(run, toAppError(thrown).message);
    }
  }

  #hand(run: Run, sink: SourceSink, record: UplinkRecord): void {
    switch (record.kind) {
      case 'format':
        run.format = record;
        run.isTold = false;
        return;
      case 'gap':
        // After it the device goes on with the same format, if the camera does.
        run.isTold = false;
        sink.onLost(record.reason);
        return;
      case 'unit': {
        const { dts, pts, annexB } = record;
        const { nals, isPlain } = splitAnnexB(annexB);
        if (!run.isTold) this.#tell(run, sink);
        if (nals.length === 0) throw new AppError('uplink.malformed', 'the device sent a picture that is no H.264');
        sink.onUnit({ nals, ...(isPlain && { annexB }), dts, pts });
        return;
      }
      case 'audio':
        if (run.isTold) sink.onAudio?.(record.data, record.pts);
        return;
      case 'alive':
    }
  }

  #tell(run: Run, sink: SourceSink): void {
    const { format } = run;
    if (!format) throw new AppError('uplink.malformed', 'the device sent a picture before its format');
    run.isTold = true;
    sink.onRun();
    sink.onParameters([format.sps, format.pps]);
    if (format.audio) sink.onAudioFormat?.(format.audio);
  }

  /** One timer that looks again when the newest record it knew of would be too old. */
  #watch(run: Run): void {
    this.#cancelWatch();
    if (this.#run !== run) return;
    const { clock } = this.#options;
    const limitMs = run.firstMs === undefined ? FIRST_MS : SILENCE_MS;
    const quietMs = clock.monotonicMs() - run.lastMs;
    if (quietMs < limitMs) {
      this.#cancelWatch = clock.after(Math.min(limitMs - quietMs, SILENCE_MS), () => this.#watch(run));
      return;
    }
    const { device } = this.#options;
    const seconds = Math.round(quietMs / 1000);
    this.#lost(
      run,
      `the device ${device} ${run.connection ? 'fell silent' : 'did not connect'}: nothing for ${seconds} s`,
    );
  }

  #lost(run: Run, reason: string): void {
    if (this.#run !== run) return;
    this.#end(run, reason);
    this.#lostMs = this.#options.clock.monotonicMs();
    this.#cancelPause = this.#options.clock.after(this.#pause.next(), () => this.#ask());
    this.#sink?.onLost(reason);
  }

  #end(run: Run | undefined, reason: string): void {
    this.#run = undefined;
    this.#cancelWatch();
    run?.asked?.withdraw();
    run?.connection?.close(reason);
  }
}
