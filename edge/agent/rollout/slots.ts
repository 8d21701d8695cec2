import { join } from 'node:path';
import type { FlowBundle, FlowSlot } from '../../../runtime/contracts/deployments.ts';
import type { Log } from '../../../runtime/contracts/host.ts';
import { sha256Hex } from '../../../runtime/lib/canonical-json.ts';
import { type Disk, replaceFile } from './disk.ts';
import { firstPointer, type Pointer, parsePointer, type Word } from './pointer.ts';
import { parseBundle } from './verify.ts';

/** A boot in the middle of a probation begins it anew; a second one is taken for the work of the flows. */
const BOOTS_ON_TRIAL = 1;

export interface Staged {
  text: string;
  bundle: FlowBundle;
}

/** What is to run: a bundle from a slot, or `own`, or `safe`. */
export interface Loaded {
  slot: FlowSlot;
  bundle: FlowBundle | undefined;
  onTrial: boolean;
}

/**
 * Flows on disk: two slots, each one file, and a pointer file that says which of them runs. A slot in use is never written; the pointer
 * moves by one rename. Nothing in a bundle names a file. Calls come one after the other.
 */
export class Slots {
  readonly #folder: string;
  readonly #disk: Disk;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #lastSeq: (() => number) | undefined;
  /** number of the last frame before the flows on probation, where that is known better than the pointer knows it */
  #before = -1;
  #pointer: Pointer = firstPointer();

  constructor(options: {
    folder: string;
    disk: Disk;
    log: Log;
    now: () => number;
    /** the highest number that a frame was given; -1: none yet */
    lastSeq?: (() => number) | undefined;
  }) {
    this.#folder = options.folder;
    this.#disk = options.disk;
    this.#log = options.log;
    this.#now = options.now;
    this.#lastSeq = options.lastSeq;
  }

  /** Reads what is there, goes back from what was twice begun in vain, and answers what is to run. */
  async open(): Promise<Loaded> {
    await this.#disk.makeFolder(this.#folder);
    this.#pointer = await this.#readPointer();
    const { trial, slot } = this.#pointer;
    if (trial && trial.boots >= BOOTS_ON_TRIAL) {
      this.#log.warn('new flows were twice interrupted on probation: back to the last good ones', { slot });
      await this.fallBack('the agent was started again twice while the new flows were on probation');
    } else if (trial) await this.#point({ trial: { ...trial, boots: trial.boots + 1 } });
    return this.load();
  }

  /** What runs, with its content. A slot that cannot be read any more gives way to the good one, that to what the device was shipped with. */
  async load(): Promise<Loaded> {
    for (;;) {
      const { slot, good } = this.#pointer;
      const onTrial = this.#pointer.trial !== undefined;
      if (slot === 'own' || slot === 'safe') return { slot, bundle: undefined, onTrial };
      const bundle = await this.#read(slot);
      if (bundle) return { slot, bundle, onTrial };
      this.#log.error('the flows in a slot cannot be read', { slot });
      const reason = `slot ${slot} cannot be read`;
      if (slot !== good) await this.fallBack(reason);
      else await this.#point({ slot: 'own', good: 'own', trial: undefined, last: this.#ended('rolled_back', reason) });
    }
  }

  get pointer(): Readonly<Pointer> {
    return this.#pointer;
  }

  /** Content of what runs; null for `own` and `safe`. */
  get revision(): string | null {
    const { slot } = this.#pointer;
    return slot === 'A' || slot === 'B' ? (this.#pointer[slot]?.revision ?? null) : null;
  }

  /** Writes a bundle into the slot that nobody needs, durably; what runs is not touched. Answers which one. */
  async stage({ text, bundle }: Staged): Promise<'A' | 'B'> {
    const { slot, good } = this.#pointer;
    const idle = (['A', 'B'] as const).find((name) => name !== slot && name !== good) ?? (good === 'A' ? 'B' : 'A');
    const { generation, revision } = bundle.manifest;
    // First what is known of the slot's content: bytes without their hash are no flows.
    if (this.#pointer[idle]) await this.#point({ [idle]: undefined });
    await replaceFile(this.#disk, this.#slotFile(idle), text);
    await this.#point({ [idle]: { sha256: sha256Hex(text), revision, generation } });
    return idle;
  }

  /** The staged slot runs from the next start on, on probation; its generation is taken. */
  async switchTo(slot: 'A' | 'B'): Promise<void> {
    const generation = this.#pointer[slot]?.generation ?? 0;
    const before = this.#lastSeq?.();
    this.#before = -1;
    await this.#point({
      slot,
      generation: Math.max(generation, this.#pointer.generation),
      trial: { boots: 0, ...(before !== undefined && { before }) },
      last: { generation, phase: 'switching' },
    });
  }

  /** The flows of before have ended, and those on probation begin: whatever frame comes now is theirs. */
  begun(): void {
    if (this.#pointer.trial?.boots === 0) this.#before = this.#lastSeq?.() ?? -1;
  }

  /** It stood its probation. */
  async confirm(): Promise<void> {
    const { slot, trial } = this.#pointer;
    if (!trial || slot === 'safe') return;
    await this.#point({ good: slot, trial: undefined, failures: 0, last: this.#ended('active') });
  }

  /** Back to the last good one. */
  async fallBack(reason: string, code?: string): Promise<void> {
    const last = { ...this.#ended('rolled_back', reason, code), ...this.#framesOfTrial() };
    await this.#point({ slot: this.#pointer.good, trial: undefined, failures: 0, last });
  }

  /** The good one failed: once more with it, then the safe flow. Answers what runs from now on. */
  async goodFailed(reason: string): Promise<FlowSlot> {
    const failures = this.#pointer.failures + 1;
    const slot = failures >= 2 ? 'safe' : this.#pointer.slot;
    await this.#point({ failures, slot, ...(slot === 'safe' && { last: this.#ended('rolled_back', reason) }) });
    return slot;
  }

  /** The good one has run well: earlier failures are forgotten. */
  async goodStood(): Promise<void> {
    if (this.#pointer.failures > 0 && this.#pointer.slot !== 'safe') await this.#point({ failures: 0 });
  }

  /** Somebody asked for a restart: the good one gets another try. */
  async leaveSafe(): Promise<void> {
    if (this.#pointer.slot === 'safe') await this.#point({ slot: this.#pointer.good, failures: 1 });
  }

  #ended(phase: Word['phase'], reason?: string, code?: string): Word {
    const { generation } = this.#pointer;
    return { generation, phase, ...(reason !== undefined && { reason }), ...(code !== undefined && { code }) };
  }

  #framesOfTrial(): Pick<Word, 'frames'> {
    const { trial } = this.#pointer;
    if (trial?.before === undefined || !this.#lastSeq) return {};
    return { frames: { before: Math.max(trial.before, this.#before), until: this.#lastSeq() } };
  }

  async #read(slot: 'A' | 'B'): Promise<FlowBundle | undefined> {
    const known = this.#pointer[slot];
    const text = await this.#disk.read(this.#slotFile(slot));
    if (!known || !text || sha256Hex(text) !== known.sha256) return undefined;
    try {
      return parseBundle(text);
    } catch (error) {
      this.#log.error('the flows in a slot are none', { slot, error });
      return undefined;
    }
  }

  async #readPointer(): Promise<Pointer> {
    const bytes = await this.#disk.read(this.#pointerFile);
    if (!bytes) return firstPointer();
    const pointer = parsePointer(bytes.toString('utf8'));
    if (pointer) return pointer;
    // Generations are not below the epoch ms of their making: whatever was taken before now is refused.
    this.#log.error('the memory of deployments is lost: the device runs what it was shipped with');
    return firstPointer(this.#now());
  }

  async #point(change: { [K in keyof Pointer]?: Pointer[K] | undefined }): Promise<void> {
    const entries = Object.entries({ ...this.#pointer, ...change }).filter(([, value]) => value !== undefined);
    const next = Object.fromEntries(entries) as Pointer;
    await replaceFile(this.#disk, this.#pointerFile, `${JSON.stringify(next, null, 2)}\n`);
    this.#pointer = next;
  }

  get #pointerFile(): string {
    return join(this.#folder, 'pointer.json');
  }

  #slotFile(slot: 'A' | 'B'): string {
    return join(this.#folder, `${slot}.json`);
  }
}
