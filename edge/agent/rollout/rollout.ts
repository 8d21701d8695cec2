import { join } from 'node:path';
import type { FlowPhase, FlowReportedMessage, FlowSlot } from '../../../runtime/contracts/deployments.ts';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { Clock, Log, UploadStatus } from '../../../runtime/contracts/host.ts';
import { Backoff } from '../../../runtime/lib/backoff.ts';
import type { Part } from '../../../runtime/lib/part.ts';
import type { FlowLoad, SwitchFromChild } from '../../ipc.ts';
import type { ChildEnd } from '../child.ts';
import { Pause } from '../pause.ts';
import { type CallServer, NoAnswer } from '../server-http.ts';
import type { Disk } from './disk.ts';
import { fetchBundle, forgetFetched } from './fetch-bundle.ts';
import { type FlowView, Gate, type GateLimits } from './gate.ts';
import { GoodWatch } from './good-watch.ts';
import { HotSwitch } from './hot-switch.ts';
import { loadOf } from './load.ts';
import type { PinnedKey } from './pinned-key.ts';
import type { Word } from './pointer.ts';
import { SealingKey } from './sealing-key.ts';
import { type Loaded, Slots } from './slots.ts';
import { checkTypes } from './static-check.ts';
import { checkBundle, checkDesired } from './verify.ts';

/** Frames within so long before a switch, or three times the pace of the configuration, count as "frames came". */
const LOOK_BACK_MS = 60_000;

export interface RolloutOptions {
  device: string;
  /** slots, pointer and keys */
  folder: string;
  disk: Disk;
  keys: PinnedKey;
  call: CallServer;
  clock: Clock;
  log: Log;
  limits: GateLimits;
  captureIntervalMs: () => number;
  upload: () => UploadStatus;
  /** the highest number that a frame was given; -1: none yet */
  lastSeq?: () => number;
  /** types that the flow process has; none while it does not run */
  nodeTypes: () => readonly string[];
  /** Ends the flow process, at once if `now`; a new one is started and asks what to run. */
  restart: (now: boolean) => void;
  /** Hands other flows to the flow process that runs; false where none runs flows. */
  handOver: (n: number, load: FlowLoad) => boolean;
  ping: (n: number) => void;
  /** Has the server say which keys it signs with; throws NoAnswer when it does not. */
  askKeys?: () => Promise<void>;
  /** something is to be reported */
  report: (body: ReportBody) => void;
  random?: () => number;
}

export type ReportBody = Omit<FlowReportedMessage, 'v' | 'ts'>;

/**
 * Deployments on the device (CONTRACTS §5): one at a time, the newest next. New flows run on probation; those that do not stand it are
 * gone again without anybody's help.
 */
export class Rollout implements Part {
  readonly #options: RolloutOptions;
  readonly #slots: Slots;
  readonly #sealing: SealingKey;
  readonly #watch: GoodWatch;
  readonly #hot: HotSwitch;
  readonly #pause: Pause;
  readonly #wake: Pause;
  readonly #ending = new AbortController();
  #loaded: Loaded = { slot: 'own', bundle: undefined, onTrial: false };
  #desired: unknown;
  #gate: Gate | undefined;
  #verdict: ((failure: string | undefined) => void) | undefined;
  #said: ReportBody | undefined;
  /** the flow process runs what is loaded */
  #isFresh = false;
  #frames = 0;
  #lastFrameAt: number | undefined;
  #loop: Promise<void> | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: RolloutOptions) {
    this.#options = options;
    const { clock, disk, folder, lastSeq, log } = options;
    this.#slots = new Slots({ folder, disk, log, now: () => clock.now(), lastSeq });
    this.#sealing = new SealingKey({ file: join(folder, 'sealing-key.json'), disk });
    this.#pause = new Pause(clock);
    this.#wake = new Pause(clock);
    this.#hot = new HotSwitch({ clock, log, handOver: options.handOver });
    this.#watch = new GoodWatch({
      clock,
      onLoop: (reason) => {
        const { slot } = this.#loaded;
        this.#soon(() => this.#goodFailed(slot, reason));
      },
      onStood: () => this.#soon(() => this.#slots.goodStood()),
    });
  }

  /** Knows afterwards what to run. To be started before the flow process. */
  async start(): Promise<void> {
    if (this.#loop) return;
    this.#loaded = await this.#slots.open();
    await this.#sealing.open();
    await this.#options.keys.open();
    if (this.#loaded.onTrial) this.#soon(() => this.#probation(this.#openGate(false)));
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    this.#gate?.cancel();
    this.#verdict?.(undefined);
    this.#hot.stop();
    this.#watch.forget();
    this.#pause.end();
    this.#wake.end();
    await this.#loop;
    await this.#turn;
  }

  /** The public key that credentials for this device are sealed with. */
  get sealingKey(): string {
    return this.#sealing.publicKey;
  }

  /** Opens what was sealed with it; throws when it is for somebody else or was tampered with. */
  openSealed(sealed: string): string {
    return this.#sealing.unseal(sealed);
  }

  /** New flows are being switched to, or on probation. */
  get isUpdating(): boolean {
    return this.#gate !== undefined;
  }

  /** What a flow process that was just started is to run. */
  load(): FlowLoad {
    return loadOf(this.#loaded, this.#sealing);
  }

  /** What is true of deployments now, for who just came. */
  current(): ReportBody {
    return this.#said ?? this.#body(this.#slots.pointer.last);
  }

  /** `flow/desired` came. */
  hearDesired(body: unknown): void {
    this.#desired = body;
    this.#wake.cut();
    this.#pause.cut();
  }

  /** The flow process handed a frame over. */
  noteFrame(): void {
    this.#frames += 1;
    this.#lastFrameAt = this.#options.clock.monotonicMs();
  }

  /** What the flow process says of itself. */
  hearChild(view: FlowView): void {
    // Last words of the process before are about the flows before.
    if (this.#isFresh) this.#gate?.hear(view);
  }

  /** It answered a ping. */
  pong(): void {
    if (this.#isFresh) this.#gate?.pong();
  }

  /** It took other flows, or refuses to. */
  hearSwitch(message: SwitchFromChild): void {
    if (!this.#hot.hear(message)) return;
    this.#isFresh = true;
    this.#slots.begun();
    this.#gate?.warm();
  }

  /** A flow process was started, and told what to run. */
  childStarted(): void {
    this.#isFresh = true;
    this.#slots.begun();
    if (!this.#loaded.onTrial) this.#watch.started();
  }

  /** The flow process ended. */
  childEnded({ how, wanted }: ChildEnd): void {
    // It ended while it was still to take the new flows over: that is no fault of theirs.
    if (this.#hot.gone() || wanted) return;
    if (this.#gate) this.#gate.ended(how);
    else if (!this.#loaded.onTrial) this.#watch.ended(how);
  }

  /** Somebody asked for a restart of the flows: out of the safe flow, then. */
  async leaveSafe(): Promise<void> {
    if (this.#loaded.slot !== 'safe') return;
    await this.#slots.leaveSafe();
    this.#loaded = await this.#slots.load();
  }

  async #run(): Promise<void> {
    const backoff = new Backoff({ firstMs: 1000, maxMs: 300_000, random: this.#options.random ?? Math.random });
    while (!this.#ending.signal.aborted) {
      if (this.#desired === undefined) {
        await this.#wake.wait();
        continue;
      }
      const body = this.#desired;
      try {
        await this.#inTurn(() => this.#deploy(body));
        backoff.reset();
      } catch (error) {
        if (this.#ending.signal.aborted) return;
        this.#options.log.warn('a deployment is tried again later', { error });
        // The same one again, unless another came meanwhile.
        await this.#pause.wait(backoff.next());
        continue;
      }
      if (this.#desired === body) this.#desired = undefined;
    }
  }

  /** One deployment to its end. Throws for what may go better later: no answer, a disk that does not take it. */
  async #deploy(body: unknown): Promise<void> {
    const { askKeys, device, disk, folder, call, keys, log, nodeTypes } = this.#options;
    const generation = generationIn(body);
    try {
      // The first key, or a newer one, may be younger than the last look at the configuration.
      if (keyIn(body) !== keys.key?.key_id) await askKeys?.();
      const judge = { device, pinned: keys.key, generation: this.#slots.pointer.generation };
      const { statement } = checkDesired(body, judge);
      this.#say(generation, 'fetching');
      const bytes = await fetchBundle(statement, { folder, disk, call, signal: this.#ending.signal });
      this.#say(generation, 'verifying');
      try {
        const bundle = checkBundle(bytes, statement);
        this.#sealing.check(bundle);
        checkTypes(bundle, nodeTypes());
        await this.#switch(bytes.toString('utf8'), bundle);
      } finally {
        await forgetFetched({ folder, disk });
      }
    } catch (error) {
      if (error instanceof NoAnswer || !(error instanceof AppError)) throw error;
      const { code, message } = error;
      // What was taken before is sent at each connect, and a restored server may be behind: the answer is what runs.
      if (code === 'bundle.stale') {
        log.debug('a deployment that is not new', { generation });
        this.#options.report(this.current());
        return;
      }
      log.error('a deployment was rejected', { generation, code, reason: message });
      this.#say(generation, 'rejected', message, code);
    }
  }

  async #switch(text: string, bundle: Awaited<ReturnType<typeof checkBundle>>): Promise<void> {
    const { generation } = bundle.manifest;
    const slot = await this.#slots.stage({ text, bundle });
    this.#say(generation, 'staged');
    const framesExpected = this.#framesCame();
    const wasWell = this.#loaded.slot !== 'safe' && this.#isFresh;
    await this.#slots.switchTo(slot);
    this.#loaded = await this.#slots.load();
    this.#watch.forget();
    this.#isFresh = false;
    const verdict = this.#openGate(framesExpected);
    this.#say(generation, 'switching');
    const isHot = wasWell && (await this.#hot.try(this.load()));
    if (this.#ending.signal.aborted) return;
    if (!isHot) this.#options.restart(false);
    await this.#probation(verdict);
  }

  #openGate(framesExpected: boolean): Promise<string | undefined> {
    const { captureIntervalMs, clock, limits, ping, upload } = this.#options;
    const gates = this.#loaded.bundle?.manifest.gates ?? {};
    const { probation_s } = gates;
    return new Promise((resolve) => {
      this.#verdict = resolve;
      this.#gate = new Gate({
        clock,
        limits: probation_s === undefined ? limits : { ...limits, probationMs: probation_s * 1000 },
        gates,
        framesExpected,
        captureIntervalMs,
        frames: () => this.#frames,
        upload,
        ping,
        onRunning: () => this.#say(this.#slots.pointer.generation, 'probation'),
        onVerdict: resolve,
      });
    });
  }

  async #probation(verdict: Promise<string | undefined>): Promise<void> {
    const { log } = this.#options;
    const { generation } = this.#slots.pointer;
    const failure = await verdict;
    if (this.#ending.signal.aborted) return;
    if (failure === undefined) {
      await this.#slots.confirm();
      log.info('new flows stood their probation', { generation, slot: this.#slots.pointer.slot });
    } else {
      log.error('new flows failed: back to the last good ones', { generation, reason: failure });
      await this.#slots.fallBack(failure, 'bundle.failed');
    }
    this.#loaded = await this.#slots.load();
    this.#gate = undefined;
    this.#said = undefined;
    this.#options.report(this.current());
    this.#watch.forget();
    if (failure === undefined) this.#watch.started();
    else this.#options.restart(true);
  }

  async #goodFailed(failed: FlowSlot, reason: string): Promise<void> {
    if (this.#loaded.slot !== failed || failed === 'safe') return;
    const slot = await this.#slots.goodFailed(reason);
    this.#options.log.error(
      slot === 'safe' ? 'the good flows failed twice: the safe flow runs' : 'the good flows failed',
      {
        reason,
      },
    );
    if (slot !== 'safe') return;
    this.#loaded = await this.#slots.load();
    this.#said = undefined;
    this.#options.report(this.current());
    this.#options.restart(true);
  }

  #framesCame(): boolean {
    const { captureIntervalMs, clock } = this.#options;
    if (this.#lastFrameAt === undefined) return false;
    return clock.monotonicMs() - this.#lastFrameAt <= Math.max(LOOK_BACK_MS, 3 * captureIntervalMs());
  }

  #say(generation: number, phase: FlowPhase, reason?: string, code?: string): void {
    this.#said = this.#body({ generation, phase, ...(reason && { reason }), ...(code && { code }) });
    this.#options.report(this.#said);
  }

  #body({ generation, phase, reason, code, frames }: Word): ReportBody {
    return {
      generation,
      phase,
      revision: this.#slots.revision,
      slot: this.#slots.pointer.slot,
      ...(reason !== undefined && { reason: reason.slice(0, 1000) }),
      ...(code !== undefined && { code }),
      ...(frames && { frames }),
    };
  }

  /** Work on the slots, one after the other. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }

  #soon(work: () => Promise<unknown>): void {
    this.#inTurn(work).catch((error) => this.#options.log.error('the slots could not be changed', { error }));
  }
}

function keyIn(body: unknown): unknown {
  return (body as { key_id?: unknown } | null)?.key_id;
}

function generationIn(body: unknown): number {
  const value = (body as { generation?: unknown } | null)?.generation;
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
