import { dirname } from 'node:path';
import type { Disk } from '../../../../edge/agent/rollout/disk.ts';

/** The power went in the middle of an operation. */
export class PowerCut extends Error {}

/**
 * A disk in memory that loses what was not synced, as a real one may: contents by `sync`, names by `syncFolder`. It can be made to lose
 * its power after any operation, or half way through one.
 */
export class MemoryDisk implements Disk {
  /** what programs see */
  #files = new Map<string, Buffer>();
  /** what is on the platter: names, and the bytes behind them */
  #durable = new Map<string, Buffer>();
  #synced = new Map<string, Buffer>();
  operations: string[] = [];
  #cutAt = Number.POSITIVE_INFINITY;

  /** The power goes at the n-th operation from now on (from 0): after it, or in its middle. */
  cutAt(n: number): void {
    this.operations = [];
    this.#cutAt = n;
  }

  /** What the next start finds: everything that was written, or only what was made durable. */
  restarted(losing: boolean): MemoryDisk {
    const next = new MemoryDisk();
    next.#files = new Map(losing ? this.#durable : this.#files);
    next.#durable = new Map(next.#files);
    next.#synced = new Map(next.#files);
    return next;
  }

  get names(): string[] {
    return [...this.#files.keys()];
  }

  put(path: string, text: string): void {
    for (const files of [this.#files, this.#durable, this.#synced]) files.set(path, Buffer.from(text));
  }

  async makeFolder(): Promise<void> {}

  async read(path: string): Promise<Buffer | undefined> {
    return this.#files.get(path);
  }

  async write(path: string, data: string | Uint8Array): Promise<void> {
    const bytes = Buffer.from(data);
    this.#do(`write ${path}`, (part) => this.#files.set(path, part ? bytes.subarray(0, bytes.length >> 1) : bytes));
  }

  async append(path: string, data: Uint8Array): Promise<void> {
    const bytes = Buffer.from(data);
    this.#do(`append ${path}`, (part) => {
      const more = part ? bytes.subarray(0, bytes.length >> 1) : bytes;
      this.#files.set(path, Buffer.concat([this.#files.get(path) ?? Buffer.alloc(0), more]));
    });
  }

  async sync(path: string): Promise<void> {
    this.#do(`sync ${path}`, () => {
      const bytes = this.#files.get(path);
      if (bytes) this.#synced.set(path, bytes);
    });
  }

  async rename(from: string, to: string): Promise<void> {
    this.#do(`rename ${to}`, () => {
      const bytes = this.#files.get(from);
      if (!bytes) throw new Error(`ENOENT ${from}`);
      this.#files.set(to, bytes);
      this.#files.delete(from);
      // The name moves; whether its bytes are down is another matter.
      const synced = this.#synced.get(from);
      this.#synced.delete(from);
      if (synced) this.#synced.set(to, synced);
      else this.#synced.set(to, Buffer.alloc(0));
    });
  }

  async remove(path: string): Promise<void> {
    this.#do(`remove ${path}`, () => this.#files.delete(path));
  }

  async syncFolder(folder: string): Promise<void> {
    this.#do(`sync folder ${folder}`, () => {
      const mine = (path: string) => dirname(path) === folder;
      for (const path of [...this.#durable.keys()])
        if (mine(path) && !this.#files.has(path)) this.#durable.delete(path);
      for (const path of this.#files.keys())
        if (mine(path)) this.#durable.set(path, this.#synced.get(path) ?? Buffer.alloc(0));
    });
  }

  #do(what: string, deed: (half: boolean) => void): void {
    const n = this.operations.length;
    if (n > this.#cutAt) throw new PowerCut('there is no power');
    this.operations.push(what);
    const dies = n === this.#cutAt;
    deed(dies && /^(write|append)/.test(what));
    if (dies) throw new PowerCut(what);
  }
}
