import type { BroadcastHost, BroadcastSpec, BroadcastStatus } from '../../runtime/contracts/broadcasts.ts';
import { AppError } from '../../runtime/contracts/errors.ts';

/** Broadcasts as a node sees them: nothing is made anywhere, `change` says what YouTube would. */
export class FakeBroadcasts implements BroadcastHost {
  readonly specs = new Map<string, BroadcastSpec>();
  readonly on = new Set<string>();
  readonly forgotten: string[] = [];
  /** what a start ends in, instead of `connecting` */
  refusal: string | undefined;
  readonly #watchers = new Set<{ name: string; onChange: (status: BroadcastStatus) => void }>();
  readonly #held = new Map<string, number>();
  #now: Partial<BroadcastStatus> = {};

  declare(spec: BroadcastSpec, { started = false }: { started?: boolean } = {}) {
    if (started && !this.specs.has(spec.name)) this.on.add(spec.name);
    this.specs.set(spec.name, spec);
    this.#held.set(spec.name, this.held(spec.name) + 1);
    return () => void this.#held.set(spec.name, this.held(spec.name) - 1);
  }

  async start(name: string): Promise<BroadcastStatus> {
    this.on.add(name);
    this.change(this.refusal === undefined ? { state: 'connecting' } : { state: 'failed', reason: this.refusal });
    return this.status(name);
  }

  async stop(name: string): Promise<BroadcastStatus> {
    this.on.delete(name);
    this.#now = {};
    this.change({ state: 'idle' });
    return this.status(name);
  }

  async forget(name: string): Promise<void> {
    this.forgotten.push(name);
  }

  status(name: string): BroadcastStatus {
    const spec = this.specs.get(name);
    if (!spec) throw new AppError('stream.not_found', `there is no stream ${JSON.stringify(name)}`);
    const wanted = this.on.has(name);
    const camera = spec.camera || 'gate';
    return { name, camera, state: 'idle', wanted, since: 0, unitsToday: 151, unitsLimit: 10_000, ...this.#now };
  }

  watch(name: string, onChange: (status: BroadcastStatus) => void) {
    const watcher = { name, onChange };
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** All of them change in this way. */
  change(now: Partial<BroadcastStatus>): void {
    this.#now = { ...this.#now, ...now };
    for (const { name, onChange } of this.#watchers) onChange(this.status(name));
  }

  held(name: string): number {
    return this.#held.get(name) ?? 0;
  }

  get watchers(): number {
    return this.#watchers.size;
  }
}
