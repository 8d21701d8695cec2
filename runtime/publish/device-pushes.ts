import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { DevicePushDesk, DevicePushOrders, DevicePushReport, ReportedPush } from '../contracts/device-pushes.ts';
import { AppError, toAppError } from '../contracts/errors.ts';
import type { Clock, Log, Release } from '../contracts/host.ts';
import type { PushSpec, PushStatus } from '../contracts/pushes.ts';
import type { Db } from '../db/db.ts';
import { deleteStream, type NewStreamRow, putStream, renameStream, type StreamRow } from '../db/streams.repo.ts';
import { sealFor } from '../lib/sealed-box.ts';
import { readDestination } from '../media/push/destination.ts';
import type { Cipher } from './push-memory.ts';

/** A device that runs pushes says so every 10 s. */
const SILENT_MS = 35_000;
const MOST_OF_A_DEVICE = 32;

export interface DevicePushesOptions {
  db: Db;
  cipher: Cipher;
  clock: Clock;
  log: Log;
  /** Has the device ask for its orders now; rejects when it is away, which it makes good by itself. */
  nudge: (device: string) => Promise<void>;
}

interface Entry {
  spec: PushSpec;
  device: string;
  wanted: boolean;
  /** the destination without its key */
  shown: string;
  since: number;
  /** the device's last word, in this server's time */
  heard?: { push: ReportedPush; at: number; monotonicMs: number };
}

/**
 * Pushes that devices run for this server. What is to be pushed is written down here, encrypted, and fetched by the device, sealed for its
 * own key; a command says only that there is something to fetch. Both sides keep what was ordered: a push that was on is on again
 * after a restart of either, and goes on while the other one is away.
 */
export class DevicePushes implements DevicePushDesk {
  readonly #options: DevicePushesOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #watchers = new Set<{ name: string; onChange: (status: PushStatus) => void }>();
  /** a device's orders have another revision with each change; the first part tells this process from the one before */
  readonly #process = randomBytes(6).toString('base64url');
  readonly #revisions = new Map<string, number>();
  readonly #nudging = new Set<string>();
  #saving: Promise<void> = Promise.resolve();

  constructor(options: DevicePushesOptions) {
    this.#options = options;
  }

  /** Takes up what was written down; rows of others are passed over. */
  load(rows: readonly StreamRow[]): void {
    for (const { name, camera, device, wanted, config, secret } of rows) {
      if (device === undefined || secret === undefined) continue;
      const sealed = JSON.parse(this.#options.cipher.open(secret)) as Partial<PushSpec>;
      this.#set({ ...config, ...sealed, name, camera }, device, wanted);
    }
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** Has the device push; throws `push.invalid`. The same again changes nothing. */
  keep(spec: PushSpec, device: string, wanted: boolean): PushStatus {
    const known = this.#entries.get(spec.name);
    const isSame = known?.device === device && known.wanted === wanted && isDeepStrictEqual(known.spec, spec);
    if (known && isSame) return this.#status(known);
    const others = [...this.#entries.values()].filter((entry) => entry.device === device && entry !== known);
    if (others.length >= MOST_OF_A_DEVICE)
      throw new AppError('push.invalid', `${device} has ${MOST_OF_A_DEVICE} pushes already`, { field: 'name' });
    const entry = this.#set(spec, device, wanted);
    this.#save(entry);
    this.#tell(device);
    if (known && known.device !== device) this.#tell(known.device);
    return this.#status(entry);
  }

  /** What the device is to push under that name, with its secrets. Throws `push.not_found`. */
  specOf(name: string): PushSpec {
    return this.#of(name).spec;
  }

  /** Another name: to the device it is another push, which begins anew. Throws `push.not_found`. */
  rename(name: string, to: string): void {
    const { spec, device, wanted } = this.#of(name);
    this.#entries.delete(name);
    this.#set({ ...spec, name: to }, device, wanted);
    this.#write(() => renameStream(this.#options.db, name, to));
    this.#tell(device);
  }

  switchTo(name: string, wanted: boolean): PushStatus {
    const entry = this.#of(name);
    if (entry.wanted === wanted) return this.#status(entry);
    Object.assign(entry, { wanted, since: this.#options.clock.now() });
    delete entry.heard;
    this.#save(entry);
    this.#tell(entry.device);
    return this.#status(entry);
  }

  /** Has the device end and forget it; no error when there is none. */
  remove(name: string): void {
    const entry = this.#entries.get(name);
    if (!entry) return;
    this.#entries.delete(name);
    this.#write(() => deleteStream(this.#options.db, name));
    this.#tell(entry.device);
  }

  /** Throws `push.not_found`. */
  status(name: string): PushStatus {
    return this.#status(this.#of(name));
  }

  list(): PushStatus[] {
    return [...this.#entries.values()].map((entry) => this.#status(entry));
  }

  watch(name: string, onChange: (status: PushStatus) => void): Release {
    const watcher = { name, onChange };
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Resolves once what was changed so far is written down. */
  async written(): Promise<void> {
    await this.#saving;
  }

  async exchange(device: string, { ts, revision, sealing_key, pushes }: DevicePushReport): Promise<DevicePushOrders> {
    // Nothing is ordered that a crash would take back.
    await this.#saving;
    const { clock } = this.#options;
    const ours = [...this.#entries.values()].filter((entry) => entry.device === device);
    const now = `${this.#process}.${this.#revisions.get(device) ?? 0}`;
    const at = clock.now();
    for (const entry of ours) {
      const push = pushes.find(({ name }) => name === entry.spec.name);
      // What it says of an order that it does not have yet is about the one before.
      if (!push || revision !== now) continue;
      const moved = at - ts;
      const told = { ...push, since: push.since + moved, ...(push.retryAt && { retryAt: push.retryAt + moved }) };
      entry.heard = { push: told, at, monotonicMs: clock.monotonicMs() };
      this.#announce(entry);
    }
    if (revision === now) return { v: 1, revision: now };
    return {
      v: 1,
      revision: now,
      pushes: ours.map(({ spec, wanted }) => {
        const { name, camera, url = '', key, sound, insecure } = spec;
        const box = { device, name, camera, url, key, sound, insecure };
        return { name, wanted, sealed: sealFor(sealing_key, JSON.stringify(box)) };
      }),
    };
  }

  #set(spec: PushSpec, device: string, wanted: boolean): Entry {
    const { shown } = readDestination(spec.url ?? '', spec.key);
    const entry: Entry = { spec, device, wanted, shown, since: this.#options.clock.now() };
    this.#entries.set(spec.name, entry);
    return entry;
  }

  #status({ spec, device, wanted, shown, since, heard }: Entry): PushStatus {
    const { name, camera } = spec;
    const isFresh = heard !== undefined && this.#options.clock.monotonicMs() - heard.monotonicMs < SILENT_MS;
    if (isFresh) return { ...heard.push, name, camera, url: shown, wanted, device };
    const figures = { bytes: 0, bitsPerSecond: 0, uptimeMs: 0, restarts: 0, discarded: 0 };
    const silence = heard
      ? `${device} was last heard of at ${new Date(heard.at).toISOString().slice(11, 19)} UTC; it goes on by itself`
      : `${device} has not taken it up yet`;
    const state = wanted ? 'waiting' : 'idle';
    return { ...figures, name, camera, url: shown, wanted, state, since, device, ...(wanted && { reason: silence }) };
  }

  #announce(entry: Entry): void {
    const status = this.#status(entry);
    for (const { name, onChange } of [...this.#watchers]) if (name === '' || name === status.name) onChange(status);
  }

  #tell(device: string): void {
    this.#revisions.set(device, (this.#revisions.get(device) ?? 0) + 1);
    const { nudge, log } = this.#options;
    if (this.#nudging.has(device)) return;
    this.#nudging.add(device);
    // Several changes in one turn are one question.
    Promise.resolve()
      .then(() => this.#saving)
      .then(() => {
        this.#nudging.delete(device);
        return nudge(device);
      })
      .catch((error: unknown) =>
        log.debug('a device asks for its pushes when it is back', { device, reason: toAppError(error).message }),
      );
  }

  #of(name: string): Entry {
    const entry = this.#entries.get(name);
    if (!entry) throw new AppError('push.not_found', `there is no push ${JSON.stringify(name)} here`);
    return entry;
  }

  #save({ spec, device, wanted }: Entry): void {
    const { name, camera, url, key, sound, insecure } = spec;
    const config = { ...(sound && { sound }), ...(insecure && { insecure }) };
    const secret = this.#options.cipher.seal(JSON.stringify({ url, key }));
    const row: NewStreamRow = {
      name,
      camera,
      type: 'rtmp',
      wanted,
      kept: true,
      config,
      secret,
      device,
      createdBy: 'flow',
    };
    this.#write(() => putStream(this.#options.db, row));
  }

  #write(work: () => Promise<unknown>): void {
    this.#saving = this.#saving
      .then(work)
      .then(() => undefined)
      .catch((error) => this.#options.log.error('what a device is to push could not be written down', { error }));
  }
}
