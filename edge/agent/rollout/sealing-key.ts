import { Type } from 'typebox';
import type { FlowBundle } from '../../../runtime/contracts/deployments.ts';
import { AppError } from '../../../runtime/contracts/errors.ts';
import { newBoxKeys, openSealed } from '../../../runtime/lib/sealed-box.ts';
import { parser } from '../../../runtime/lib/validate.ts';
import { type Disk, replaceFile } from './disk.ts';

const base64url = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });
const parseKeys = parser(Type.Object({ publicKey: base64url, privateKey: base64url }));

/** This device's own key for credentials: made at the first start, never leaves it. Flows cannot ask for it. */
export class SealingKey {
  readonly #file: string;
  readonly #disk: Disk;
  #keys = { publicKey: '', privateKey: '' };

  constructor(options: { file: string; disk: Disk }) {
    this.#file = options.file;
    this.#disk = options.disk;
  }

  get publicKey(): string {
    return this.#keys.publicKey;
  }

  /** Throws when it is for somebody else or was tampered with. */
  unseal(sealed: string): string {
    return openSealed(this.#keys, sealed);
  }

  /** Reads it, or makes one; a file that cannot be read is replaced: credentials have to be deployed anew then. */
  async open(): Promise<void> {
    const kept = (await this.#disk.read(this.#file))?.toString('utf8');
    if (kept !== undefined && this.#use(kept)) return;
    this.#keys = newBoxKeys();
    await replaceFile(this.#disk, this.#file, `${JSON.stringify(this.#keys)}\n`);
  }

  /** The credentials of a bundle by node; null where it has none. Throws `bundle.invalid` when they are not for this device. */
  credentialsOf({ credentials }: FlowBundle): Record<string, unknown> | null {
    if (credentials === null) return null;
    try {
      return JSON.parse(this.unseal(credentials)) as Record<string, unknown>;
    } catch (cause) {
      throw new AppError('bundle.invalid', 'its credentials are not sealed for this device’s key', {}, { cause });
    }
  }

  /** Throws when the credentials cannot be read: better before the switch than after it. */
  check(bundle: FlowBundle): void {
    this.credentialsOf(bundle);
  }

  #use(text: string): boolean {
    try {
      this.#keys = parseKeys(JSON.parse(text));
      return true;
    } catch {
      return false;
    }
  }
}
