import {
  type SigningKeyRecord,
  SigningKeyRecord as SigningKeySchema,
  SigningKeys,
} from '../../../runtime/contracts/deployments.ts';
import type { Log } from '../../../runtime/contracts/host.ts';
import { followRotations, keyIdOf } from '../../../runtime/lib/signatures.ts';
import { parser } from '../../../runtime/lib/validate.ts';
import { type Disk, replaceFile } from './disk.ts';

const parseKey = parser(SigningKeySchema);
const parseServed = parser(SigningKeys);

/**
 * The key that deployments must be signed with. The first one that the server names is kept for good; another one is taken only with
 * the word of the one before. A file that cannot be read trusts nobody: an operator deletes it to pin anew.
 */
export class PinnedKey {
  readonly #file: string;
  readonly #disk: Disk;
  readonly #log: Log;
  #key: SigningKeyRecord | undefined;
  #isBroken = false;
  #refused = '';
  // What the server says is not looked at before it is known what was pinned.
  readonly #opened = Promise.withResolvers<void>();
  #turn: Promise<void> = this.#opened.promise;

  constructor(options: { file: string; disk: Disk; log: Log }) {
    this.#file = options.file;
    this.#disk = options.disk;
    this.#log = options.log;
  }

  get key(): SigningKeyRecord | undefined {
    return this.#key;
  }

  /** Reads what was pinned. */
  async open(): Promise<void> {
    await this.#read();
    this.#opened.resolve();
  }

  async #read(): Promise<void> {
    const bytes = await this.#disk.read(this.#file);
    if (!bytes) return;
    try {
      const key = parseKey(JSON.parse(bytes.toString('utf8')));
      if (keyIdOf(key.public_key) !== key.key_id) throw new TypeError('its name is not that of its bytes');
      this.#key = key;
    } catch (error) {
      this.#isBroken = true;
      this.#log.error('the pinned signing key cannot be read: no deployment is taken until the file is deleted', {
        file: this.#file,
        error,
      });
    }
  }

  /** What the server says of its signing keys; one call after the other. */
  hear(signing: unknown): Promise<void> {
    this.#turn = this.#turn
      .then(() => this.#consider(signing))
      .catch((error) => this.#log.warn('the served signing key was not taken', { error }));
    return this.#turn;
  }

  async #consider(signing: unknown): Promise<void> {
    if (signing === undefined || this.#isBroken) return;
    const served = parseServed(structuredClone(signing));
    const { current } = served;
    if (current.public_key === this.#key?.public_key) return;
    if (keyIdOf(current.public_key) !== current.key_id) throw new TypeError('its name is not that of its bytes');
    const next = this.#key ? followRotations(this.#key, served) : current;
    if (!next) {
      // Said once: it comes with each look at the configuration.
      if (this.#refused !== current.key_id)
        this.#log.error('the server names a signing key that the pinned one does not vouch for: refused', {
          pinned: this.#key?.key_id,
          served: current.key_id,
        });
      this.#refused = current.key_id;
      return;
    }
    const { key_id, public_key } = next;
    await replaceFile(this.#disk, this.#file, `${JSON.stringify({ key_id, public_key })}\n`);
    this.#log.info(this.#key ? 'signing key changed, signed by the one before' : 'signing key pinned', { key_id });
    this.#key = { key_id, public_key };
  }
}
