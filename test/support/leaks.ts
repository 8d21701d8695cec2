import { createWriteStream, mkdtempSync, type WriteStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Shorter ones may be words that stand in a log for another reason. */
const LEAST = 10;
const SECRET_FIELD = /^(api_key|key|stream_key|password|current_password|new_password|token|secret)$|_(token|secret)$/;
const SECRET_SETTING = /KEY|PASSWORD|SECRET/;

/** What programs printed, and what must never be among it. */
export class Leaks {
  readonly #planted = new Map<string, string>();
  #folder: string | undefined;
  #file: WriteStream | undefined;

  /** A secret that no log may hold; `what` names it in the failure. */
  plant(what: string, secret: string): void {
    if (secret.length >= LEAST) this.#planted.set(secret, what);
  }

  /** Every secret of a body or answer of the API, by the names of its fields; of addresses their passwords. */
  plantFrom(body: unknown, where: string): void {
    if (typeof body !== 'object' || body === null) return;
    for (const [name, value] of Object.entries(body)) {
      if (typeof value !== 'string') this.plantFrom(value, where);
      else if (SECRET_FIELD.test(name) && !/^x-/i.test(value)) this.plant(`${name} of ${where}`, value);
      else this.#plantAddress(`password in ${name} of ${where}`, value);
    }
  }

  /** The secrets of a program's settings. */
  plantSettings(program: string, env: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(env)) {
      if (SECRET_SETTING.test(name) && !name.endsWith('_FILE'))
        for (const part of value.split(','))
          this.plant(`${name} of ${program}`, part.replace(/^[\s["]+|[\s\]"]+$/g, ''));
      else this.#plantAddress(`password in ${name} of ${program}`, value);
    }
  }

  /** Takes a line that a program printed. */
  see(program: string, line: string): void {
    this.#folder ??= mkdtempSync(join(tmpdir(), 'redeye-lines-'));
    this.#file ??= createWriteStream(join(this.#folder, 'lines'));
    this.#file.write(`${program}: ${line}\n`);
  }

  /** Which secrets were printed, with the program and the line's message, without the secret. */
  async found(): Promise<string[]> {
    const { path } = this.#file ?? {};
    if (path === undefined) return [];
    await new Promise<void>((resolve) => this.#file?.write('', () => resolve()));
    const text = await readFile(path, 'utf8');
    return [...this.#planted].flatMap(([secret, what]) => {
      const at = text.indexOf(secret);
      if (at < 0) return [];
      const line = text.slice(text.lastIndexOf('\n', at) + 1, text.indexOf('\n', at));
      return [`${what} was printed by ${line.slice(0, 2000).replaceAll(secret, '<the secret>')}`];
    });
  }

  /** Deletes what was kept. */
  async end(): Promise<void> {
    await new Promise<void>((resolve) => (this.#file ? this.#file.end(() => resolve()) : resolve()));
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }

  #plantAddress(what: string, value: string): void {
    const password = URL.parse(value.replace(/^relab\+/, ''))?.password ?? '';
    this.plant(what, decodeURIComponent(password));
  }
}

/** Of this process: every program that its tests start is listened to. */
export const leaks = new Leaks();
