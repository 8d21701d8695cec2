import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Type } from 'typebox';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import { PairingCode, PairingGift, PairingState } from '../../runtime/contracts/pairing.ts';
import { Backoff } from '../../runtime/lib/backoff.ts';
import { ensureFolder, writeFileDurably } from '../../runtime/lib/files.ts';
import { newBoxKeys, openSealed } from '../../runtime/lib/sealed-box.ts';
import { parser } from '../../runtime/lib/validate.ts';

const POLL_MS = 3000;
const ANSWER_MS = 10_000;
const parseKept = parser(PairingGift, 'setting.invalid');
const parseGift = parser(PairingGift);
const parseCode = parser(PairingCode);
const parseState = parser(Type.Object(PairingState.properties));

/** Who this device is for the server. */
export interface Identity {
  device: string;
  key: string;
}

export interface IdentityOptions {
  server: string;
  /** EDGE_DATA_DIR; what was paired is kept in it, 0600 */
  folder: string;
  /** of the settings; go before what is kept */
  device?: string | undefined;
  key?: string | undefined;
  model: string;
  clock: Clock;
  log: Log;
  /** there is no identity yet: it is about to be asked for */
  onPairing?: () => Promise<void>;
  /** shows people the code, with where to type it */
  say: (code: string, until: string) => void;
  random?: () => number;
}

/**
 * The identity that the settings give, else the one of an earlier pairing, else a new one: shows a code until somebody types it at the
 * server. Resolves only with an identity; a server that is away is asked again. Throws `setting.invalid` for settings that fit nothing.
 */
export async function identityOf(options: IdentityOptions): Promise<Identity> {
  const { device, key, folder } = options;
  if (key !== undefined) {
    if (device !== undefined) return { device, key };
    const why = 'DEVICE_ID: is not set: give the id that DEVICE_KEY belongs to';
    throw new AppError('setting.invalid', why, { field: 'DEVICE_ID' });
  }
  const file = join(folder, 'identity.json');
  const kept = await keptIn(file);
  const paired = kept ?? (await pair(options));
  // Its name is the server's to give: a name of the settings without a key of the settings means nothing.
  if (device !== undefined && paired.device !== device)
    options.log.warn('DEVICE_ID does not count: this device was paired under another name', { device: paired.device });
  if (kept) return kept;
  await ensureFolder(folder, 0o700);
  const gift: PairingGift = { device_id: paired.device, api_key: paired.key };
  await writeFileDurably(file, `${JSON.stringify(gift, null, 2)}\n`, 0o600);
  return paired;
}

async function keptIn(file: string): Promise<Identity | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { device_id: device, api_key: key } = parseKept(JSON.parse(text));
    return { device, key };
  } catch (cause) {
    const why = `EDGE_DATA_DIR: ${file} is damaged; delete it to pair again`;
    throw new AppError('setting.invalid', why, { field: 'EDGE_DATA_DIR' }, { cause });
  }
}

async function pair(options: IdentityOptions): Promise<Identity> {
  const { clock, log, random = Math.random } = options;
  await options.onPairing?.();
  const pauses = new Backoff({ firstMs: 1000, maxMs: 30_000, random });
  for (;;) {
    try {
      const keys = newBoxKeys();
      const code = parseCode(
        await ask(options, 'register', { body: { public_key: keys.publicKey, model: options.model } }),
      );
      options.say(code.code, code.expires_at);
      pauses.reset();
      const sealed = await claimed(options, code.poll_token, pauses);
      if (sealed === undefined) continue;
      const { device_id: device, api_key: key } = parseGift(JSON.parse(openSealed(keys, sealed)));
      log.info('paired', { device });
      return { device, key };
    } catch (error) {
      log.warn('no pairing yet', { server: options.server, reason: reasonOf(error) });
      await clock.sleep(pauses.next());
    }
  }
}

/** The sealed key, when somebody typed the code; undefined when the code is over. */
async function claimed(options: IdentityOptions, token: string, pauses: Backoff): Promise<string | undefined> {
  for (;;) {
    await options.clock.sleep(POLL_MS);
    try {
      const { state, sealed } = parseState(await ask(options, 'poll', { token }));
      pauses.reset();
      if (state === 'claimed' && sealed !== null) return sealed;
    } catch (error) {
      if (error instanceof Refused && error.status === 404) return undefined;
      // The server may be restarting: the code is still good when it is back.
      options.log.debug('no answer about the pairing', { reason: reasonOf(error) });
      await options.clock.sleep(pauses.next());
    }
  }
}

class Refused extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`the server answered ${status}`);
    this.status = status;
  }
}

async function ask(
  { server, clock }: IdentityOptions,
  what: 'register' | 'poll',
  { body, token }: { body?: object; token?: string },
): Promise<unknown> {
  const ending = new AbortController();
  const cancel = clock.after(ANSWER_MS, () => ending.abort(new Error('no answer within 10 s')));
  try {
    const response = await fetch(new URL(`api/v1/pairing/${what}`, server.endsWith('/') ? server : `${server}/`), {
      method: body ? 'POST' : 'GET',
      headers: {
        ...(body && { 'Content-Type': 'application/json' }),
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      },
      ...(body && { body: JSON.stringify(body) }),
      redirect: 'error',
      signal: ending.signal,
    });
    if (!response.ok) throw new Refused(response.status);
    return await response.json();
  } finally {
    cancel();
  }
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? message ?? String(error);
}
