import { createHmac, randomBytes } from 'node:crypto';
import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { User } from '../../contracts/users.ts';
import type { Accounts } from './accounts.ts';
import { AppPasswords } from './app-passwords.ts';

/** A player asks for a segment several times a second, and a check of a password costs 18 ms on purpose: once a minute is enough. */
const REMEMBER_MS = 60_000;
const MOST = 1000;

/**
 * HTTP Basic (RFC 7617) for players that know nothing else. A right password is remembered for a minute as a keyed hash, and is
 * forgotten at once when the user is disabled or gets another one.
 */
export class BasicAuth {
  readonly #accounts: Accounts;
  readonly #clock: Clock;
  readonly #key = randomBytes(32);
  readonly #right = new Map<string, { id: number; print: string; untilMs: number }>();

  constructor(options: { accounts: Accounts; clock: Clock }) {
    this.#accounts = options.accounts;
    this.#clock = options.clock;
  }

  /** The user of an Authorization header; undefined when it is not Basic. Throws `auth.invalid`, `auth.too_many_tries`, `auth.password_change`. */
  async userOf(header: string, ip: string): Promise<User | undefined> {
    if (!/^basic(?: |$)/i.test(header)) return undefined;
    const [, coded] = /^basic +([A-Za-z0-9+/=]{1,4096})$/i.exec(header) ?? [];
    const text = Buffer.from(coded ?? '', 'base64').toString('utf8');
    const colon = text.indexOf(':');
    if (colon < 1) throw new AppError('auth.invalid', 'Basic needs a user name, a colon and a password');
    const name = createHmac('sha256', this.#key).update(text).digest('base64');
    const known = this.#right.get(name);
    if (known && known.untilMs > this.#clock.monotonicMs()) {
      try {
        return await this.#accounts.holder(known.id, known.print);
      } catch (error) {
        this.#right.delete(name);
        throw error;
      }
    }
    const [login, password] = [text.slice(0, colon), text.slice(colon + 1)];
    const user = await this.#accounts.checkBasic(login, password, ip);
    // An app password is quick to check, and one that was revoked must not live on in here.
    if (AppPasswords.isOne(password)) return user;
    const print = await this.#accounts.printOf(user.id);
    this.#right.delete(name);
    this.#right.set(name, { id: user.id, print, untilMs: this.#clock.monotonicMs() + REMEMBER_MS });
    const [oldest] = this.#right.keys();
    if (this.#right.size > MOST && oldest !== undefined) this.#right.delete(oldest);
    return user;
  }
}
