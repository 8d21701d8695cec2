import { readFile } from 'node:fs/promises';
import { Type } from 'typebox';
import {
  type SigningKeys as Served,
  type SigningKeyRecord,
  SigningKeyRecord as SigningKeySchema,
} from '../../contracts/deployments.ts';
import { AppError } from '../../contracts/errors.ts';
import type { Clock, Log } from '../../contracts/host.ts';
import type { Db, Queryable } from '../../db/db.ts';
import { activateSigningKey, listSigningKeys } from '../../db/signing-keys.repo.ts';
import { ifThere, writeFileDurably } from '../../lib/files.ts';
import { isSuccessor, keyIdOf, newSigningKey, type Signer, signerOf } from '../../lib/signatures.ts';
import { parser } from '../../lib/validate.ts';

const parseFile = parser(
  Type.Object({ v: Type.Literal(1), private_key: Type.String(), successor_of: Type.Optional(SigningKeySchema) }),
  'setting.invalid',
);

/** A file with a private signing key, and the word of the key before it where there was one. */
export function signingKeyFile(pem: string, successorOf?: SigningKeyRecord): string {
  return `${JSON.stringify({ v: 1, private_key: pem, ...(successorOf && { successor_of: successorOf }) }, null, 2)}\n`;
}

/** Reads such a file; throws `setting.invalid`. */
export function parseSigningKeyFile(text: string, file: string): { signer: Signer; successorOf?: SigningKeyRecord } {
  try {
    const { private_key, successor_of } = parseFile(JSON.parse(text));
    return { signer: signerOf(private_key), ...(successor_of && { successorOf: successor_of }) };
  } catch (cause) {
    throw new AppError(
      'setting.invalid',
      `SIGNING_KEY_FILE: ${file} holds no signing key`,
      { field: 'SIGNING_KEY_FILE' },
      { cause },
    );
  }
}

export interface SigningKeysOptions {
  db: Db;
  clock: Clock;
  log: Log;
  /** undefined: signatures are made elsewhere */
  file: string | undefined;
  /** made where it is missing: it lies in our own folder */
  mayMake: boolean;
}

/** Who signs deployments: the key that lies here, or somebody elsewhere. The public keys, with who vouches for whom, are in the database. */
export class SigningKeys {
  readonly #options: SigningKeysOptions;
  #signer: Signer | undefined;
  #served: Served | undefined;

  constructor(options: SigningKeysOptions) {
    this.#options = options;
  }

  /** Reads or makes the key. Throws `setting.invalid` for a file that is none. */
  async open(): Promise<void> {
    const { db, file } = this.#options;
    if (file !== undefined) {
      const { signer, successorOf } = await this.#readOrMake(file);
      this.#signer = signer;
      const { key_id, public_key } = signer;
      await db.tx((q) => this.#activate(q, successorOf ?? { key_id, public_key }));
    }
    await this.#reload();
  }

  /** Signs; undefined where that is done elsewhere. */
  get signer(): Signer | undefined {
    return this.#signer;
  }

  /** The public keys as devices are told of them; undefined before there is one. */
  served(): Served | undefined {
    return this.#served;
  }

  /** The key with which signatures came from elsewhere; throws `deployment.signature_invalid` unless devices can come to trust it. */
  async accept(q: Queryable, key: SigningKeyRecord): Promise<void> {
    const { current } = this.#served ?? {};
    if (keyIdOf(key.public_key) !== key.key_id) throw untrusted('its name is not that of its bytes');
    if (current && current.public_key !== key.public_key && !isSuccessor(current, key))
      throw untrusted(`devices trust ${current.key_id}, which does not vouch for ${key.key_id}`);
    await this.#activate(q, key);
  }

  /** After a transaction in which a key was accepted. */
  async #reload(): Promise<void> {
    const all = await listSigningKeys(this.#options.db);
    const active = all.find((key) => key.active);
    const bare = ({ active: _active, ...key }: (typeof all)[number]) => key;
    this.#served = active && {
      current: bare(active),
      rotations: all.filter((key) => key.signed_by !== undefined).map(bare),
    };
  }

  /** Has devices told of what the database says now. */
  refresh(): Promise<void> {
    return this.#reload();
  }

  async #activate(q: Queryable, key: SigningKeyRecord): Promise<void> {
    const { clock, log } = this.#options;
    const known = await listSigningKeys(q);
    const active = known.find((one) => one.active);
    if (active?.public_key === key.public_key) return;
    if (active && !isSuccessor(active, key))
      log.error(
        'the signing key is another one, and the one before does not vouch for it: devices will refuse deployments',
        {
          before: active.key_id,
          now: key.key_id,
        },
      );
    await activateSigningKey(q, key, new Date(clock.now()));
  }

  async #readOrMake(file: string): Promise<ReturnType<typeof parseSigningKeyFile>> {
    const { log, mayMake } = this.#options;
    const text = await ifThere(() => readFile(file, 'utf8'));
    if (text !== undefined) return parseSigningKeyFile(text, file);
    if (!mayMake)
      throw new AppError(
        'setting.invalid',
        `SIGNING_KEY_FILE: ${file} is not there; \`npm run sign -- --new FILE\` makes one`,
        {
          field: 'SIGNING_KEY_FILE',
        },
      );
    const made = signingKeyFile(newSigningKey());
    await writeFileDurably(file, made, 0o600);
    log.info('a key to sign deployments with was made; it lies on this server', { file });
    return parseSigningKeyFile(made, file);
  }
}

function untrusted(why: string): AppError {
  return new AppError('deployment.signature_invalid', `the signing key is not taken: ${why}`);
}
