import { AppError } from '../../runtime/contracts/errors.ts';
import type { RoomHost, RoomSpec, RoomStatus } from '../../runtime/contracts/rooms.ts';

/** Rooms as a node sees them: nothing goes anywhere, `change` says what LiveKit would. */
export class FakeRooms implements RoomHost {
  readonly specs = new Map<string, RoomSpec>();
  readonly on = new Set<string>();
  readonly forgotten: string[] = [];
  readonly #watchers = new Set<{ name: string; onChange: (status: RoomStatus) => void }>();
  #now: Partial<RoomStatus> = {};

  declare(spec: RoomSpec, { started = false }: { started?: boolean } = {}) {
    if (started && !this.specs.has(spec.name)) this.on.add(spec.name);
    this.specs.set(spec.name, spec);
    return () => undefined;
  }

  async start(name: string): Promise<RoomStatus> {
    this.on.add(name);
    this.change({ state: 'connecting' });
    return this.status(name);
  }

  async stop(name: string): Promise<RoomStatus> {
    this.on.delete(name);
    this.#now = {};
    this.change({ state: 'idle' });
    return this.status(name);
  }

  async forget(name: string): Promise<void> {
    this.forgotten.push(name);
  }

  status(name: string): RoomStatus {
    const spec = this.specs.get(name);
    if (!spec) throw new AppError('stream.not_found', `there is no stream ${JSON.stringify(name)}`);
    const { via } = spec;
    const camera = spec.camera || 'gate';
    const wanted = this.on.has(name);
    const room = spec.room || camera;
    return { name, camera, room, via, state: 'idle', wanted, since: 0, bitsPerSecond: 0, ...this.#now };
  }

  watch(name: string, onChange: (status: RoomStatus) => void) {
    const watcher = { name, onChange };
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** All of them change in this way. */
  change(now: Partial<RoomStatus>): void {
    this.#now = { ...this.#now, ...now };
    for (const { name, onChange } of this.#watchers) onChange(this.status(name));
  }

  get watchers(): number {
    return this.#watchers.size;
  }
}
