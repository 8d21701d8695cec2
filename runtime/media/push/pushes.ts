import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../../contracts/errors.ts';
import type { Release } from '../../contracts/host.ts';
import {
  type PublisherHealth,
  type PushHost,
  type PushSpec,
  type PushStatus,
  publisherHealth,
} from '../../contracts/pushes.ts';
import { ensureFolder } from '../../lib/files.ts';
import type { Part } from '../../lib/part.ts';
import type { StartWhipPeer } from '../whip/peer.ts';
import { findCaFile } from './ca-file.ts';
import { HealthFile } from './health.ts';
import { knock } from './knock.ts';
import type { PushMemory, RememberedPush } from './memory.ts';
import { Push, type PushParts } from './push.ts';
import { startPushProcess } from './push-process.ts';
import { ReceiveWindows } from './receive-windows.ts';

/** A flow that is deployed again declares its pushes within this time; nobody is taken off the air for it. */
const REDEPLOY_MS = 10_000;
const TELL_MS = 5000;
const MOST_PUSHES = 64;

export type PushesOptions = Pick<PushParts, 'streams' | 'clock' | 'log' | 'ffmpegPath' | 'folder' | 'resolve'> &
  Partial<
    Pick<
      PushParts,
      'random' | 'startProcess' | 'startPeer' | 'knock' | 'windows' | 'caFile' | 'fallback' | 'opus' | 'iceServers'
    >
  > & {
    memory: PushMemory;
    /** written at each change, and every 5 s */
    healthFile?: string | undefined;
  };

interface Entry {
  push: Push;
  /** someone wants it on, also while this host stops */
  wanted: boolean;
  /** how many declare it now */
  holders: number;
  /** comes back by itself after a restart, with its spec */
  kept: boolean;
  cancelEnd: Release;
}

interface Watcher {
  name: string;
  onChange: (status: PushStatus) => void;
}

/** All pushes of a host. `start` brings back what was on and belongs to no flow; `stop` takes all off the air and forgets nothing. */
export class Pushes implements PushHost, Part {
  readonly #options: PushesOptions;
  readonly #parts: PushParts;
  readonly #entries = new Map<string, Entry>();
  readonly #watchers = new Set<Watcher>();
  readonly #ending = new Set<Promise<void>>();
  readonly #health: HealthFile | undefined;
  #remembered = new Map<string, RememberedPush>();
  #saving: Promise<void> = Promise.resolve();
  #cancelTell: Release = () => undefined;
  #isRunning = false;

  constructor(options: PushesOptions) {
    this.#options = options;
    this.#parts = {
      random: Math.random,
      startProcess: startPushProcess,
      startPeer: lazyPeers(options),
      knock,
      windows: new ReceiveWindows(options),
      caFile: findCaFile(),
      fallback: {},
      iceServers: () => [],
      ...options,
    };
    this.#health = options.healthFile === undefined ? undefined : new HealthFile(options.healthFile, options.log);
  }

  async start(): Promise<void> {
    const { folder, memory, log } = this.#options;
    await ensureFolder(folder, 0o700);
    // Keys that a process left which was killed at the wrong moment.
    for (const name of await readdir(folder))
      if (name.endsWith('.ffpreset')) await rm(join(folder, name), { force: true });
    this.#remembered = new Map((await memory.load()).map((push) => [push.name, push]));
    this.#isRunning = true;
    for (const { spec, wanted } of this.#remembered.values()) {
      if (!spec) continue;
      try {
        this.keep(spec, wanted);
      } catch (error) {
        log.error('a push that was kept cannot be made again', { push: spec.name, error });
      }
    }
    this.#tellLater();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#cancelTell();
    for (const entry of this.#entries.values()) {
      entry.cancelEnd();
      this.#track(entry.push.stop());
    }
    this.#entries.clear();
    await Promise.all(this.#ending);
    await this.#saving;
    await this.#health?.write(this.health());
  }

  declare(spec: PushSpec, options: { started?: boolean } = {}): Release {
    const entry = this.#put(spec, options.started ?? false);
    entry.holders += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      entry.holders -= 1;
      if (entry.holders > 0 || entry.kept || this.#entries.get(spec.name) !== entry) return;
      entry.cancelEnd = this.#options.clock.after(REDEPLOY_MS, () => this.#drop(spec.name));
    };
  }

  /** As `declare`, for a push that stays over restarts until it is forgotten. */
  keep(spec: PushSpec, wanted: boolean): PushStatus {
    const entry = this.#put(spec, wanted);
    entry.kept = true;
    this.#turn(entry, wanted);
    return statusOf(entry);
  }

  /** What is asked for under that name, with its secrets. Throws `push.not_found`. */
  specOf(name: string): PushSpec {
    return this.#of(name).push.spec;
  }

  /** Another destination or sound for one that is kept; on or off as it was. Throws `push.not_found`, `push.invalid`. */
  change(spec: PushSpec): PushStatus {
    return this.keep(spec, this.#of(spec.name).wanted);
  }

  /** Another name for one that is kept; what is on goes on. Throws `push.not_found`, `stream.of_flow` while a flow holds it. */
  rename(name: string, to: string): void {
    const entry = this.#of(name);
    if (entry.holders > 0)
      throw new AppError('stream.of_flow', `a flow uses the name "${name}" too`, { field: 'name' });
    entry.push.rename(to);
    this.#entries.delete(name);
    this.#entries.set(to, entry);
    this.#remembered.delete(name);
    const remembered = { name: to, wanted: entry.wanted, spec: entry.push.spec };
    this.#remembered.set(to, remembered);
    this.#save(() => this.#options.memory.rename(name, remembered));
  }

  switchOn(name: string): PushStatus {
    const entry = this.#of(name);
    this.#turn(entry, true);
    return statusOf(entry);
  }

  switchOff(name: string): PushStatus {
    const entry = this.#of(name);
    this.#turn(entry, false);
    return statusOf(entry);
  }

  forget(name: string): void {
    if (!this.#entries.get(name)?.kept) this.remove(name);
  }

  /** Switches it off and forgets it, whoever keeps it; no error when there is none. */
  remove(name: string): void {
    this.#remembered.delete(name);
    this.#save(() => this.#options.memory.forget(name));
    this.#drop(name);
  }

  status(name: string): PushStatus {
    return statusOf(this.#of(name));
  }

  /** Resolves once what was switched so far is written down. */
  async written(): Promise<void> {
    await this.#saving;
  }

  list(): PushStatus[] {
    return [...this.#entries.values()].map(statusOf);
  }

  watch(name: string, onChange: (status: PushStatus) => void): Release {
    const watcher = { name, onChange };
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  health(): PublisherHealth {
    return publisherHealth(this.list(), this.#options.clock.now(), process.pid);
  }

  #put(spec: PushSpec, started: boolean): Entry {
    const known = this.#entries.get(spec.name);
    known?.cancelEnd();
    if (known && isDeepStrictEqual(plain(known.push.spec), plain(spec))) return known;
    if (!known && this.#entries.size >= MOST_PUSHES)
      throw new AppError('push.invalid', `there are ${MOST_PUSHES} pushes already`, { field: 'name' });
    const wanted = known?.wanted ?? this.#remembered.get(spec.name)?.wanted ?? started;
    const push: Push = new Push(spec, this.#parts, () => this.#changed(push));
    if (known) {
      const ending = known.push.stop();
      this.#track(ending);
      push.follow(ending);
    }
    const entry: Entry = known ?? { push, wanted, holders: 0, kept: false, cancelEnd: () => undefined };
    entry.push = push;
    this.#entries.set(spec.name, entry);
    if (wanted && this.#isRunning) push.start();
    return entry;
  }

  #drop(name: string): void {
    const entry = this.#entries.get(name);
    if (!entry) return;
    entry.cancelEnd();
    this.#entries.delete(name);
    this.#track(entry.push.stop());
  }

  #of(name: string): Entry {
    const entry = this.#entries.get(name);
    if (!entry) throw new AppError('push.not_found', `there is no push ${JSON.stringify(name)} here`);
    return entry;
  }

  #turn(entry: Entry, wanted: boolean): void {
    entry.wanted = wanted;
    if (!wanted) this.#track(entry.push.stop());
    else if (this.#isRunning) entry.push.start();
    this.#remember(entry);
  }

  #remember({ push, kept, wanted }: Entry): void {
    const { name } = push.spec;
    const remembered = { name, wanted, ...(kept && { spec: push.spec }) };
    const before = this.#remembered.get(name);
    if (before && isDeepStrictEqual(before, remembered)) return;
    this.#remembered.set(name, remembered);
    this.#save(() => this.#options.memory.save(remembered));
  }

  #save(write: () => Promise<void>): void {
    this.#saving = this.#saving
      .then(write)
      .catch((error) => this.#options.log.error('whether a push is on could not be written down', { error }));
  }

  #track(ending: Promise<void>): void {
    const tracked: Promise<void> = ending.finally(() => this.#ending.delete(tracked));
    this.#ending.add(tracked);
  }

  #changed(push: Push): void {
    // A push that was replaced or dropped still says that it is idle; nobody is interested.
    const entry = this.#entries.get(push.spec.name);
    if (entry?.push !== push) return;
    this.#tell(statusOf(entry));
    void this.#health?.write(this.health());
  }

  #tellLater(): void {
    this.#cancelTell = this.#options.clock.after(TELL_MS, () => {
      for (const status of this.list()) if (status.state === 'live') this.#tell(status);
      void this.#health?.write(this.health());
      this.#tellLater();
    });
  }

  #tell(status: PushStatus): void {
    for (const { name, onChange } of [...this.#watchers]) {
      if (name !== '' && name !== status.name) continue;
      try {
        onChange(status);
      } catch (error) {
        this.#options.log.error('a watcher of a push failed', { push: status.name, error });
      }
    }
  }
}

/** The engine is loaded by the first push that needs it. */
function lazyPeers({ clock, log }: Pick<PushesOptions, 'clock' | 'log'>): StartWhipPeer {
  return async (...asked) => {
    const { datachannelPeers } = await import('../whip/datachannel-peer.ts').catch((cause: unknown) => {
      throw new AppError('webrtc.unavailable', 'there is no WebRTC engine for this machine', {}, { cause });
    });
    return datachannelPeers({ clock, log })(...asked);
  };
}

function statusOf({ push, wanted }: Entry): PushStatus {
  return { ...push.status(), wanted };
}

/** Without what is not set, so that specs compare by what they say. */
function plain(spec: PushSpec): object {
  return Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined && value !== ''));
}
