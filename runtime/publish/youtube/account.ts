import { createHash, randomBytes } from 'node:crypto';
import type { youtube_v3 } from '@googleapis/youtube';
import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { YoutubeStatus } from '../../contracts/published.ts';
import type { Db } from '../../db/db.ts';
import { deleteOauth, findOauth, putOauth, revokeOauth } from '../../db/oauth-tokens.repo.ts';
import type { Cipher } from '../push-memory.ts';

const SERVICE = 'youtube';
const SCOPE = 'https://www.googleapis.com/auth/youtube';
const LOGIN_MS = 10 * 60_000;
const MOST_LOGINS = 20;

export interface AccountOptions {
  db: Db;
  cipher: Cipher;
  clock: Clock;
  clientId: string | undefined;
  clientSecret: string | undefined;
  /** of this server, `…/api/v1/youtube/callback` */
  redirectUrl: string;
  /** instead of Google's, for a stand-in: tokens at `/token`, the API below `/youtube/v3` */
  apiUrl: string | undefined;
}

/** How it stands with the Google account. */
export type AccountStatus = Pick<YoutubeStatus, 'state' | 'account' | 'reason'>;

/**
 * The Google account that broadcasts are made with: OAuth with offline access, state and PKCE (RFC 7636); the refresh token is kept
 * encrypted. Google's library is loaded by the first use.
 */
export class YoutubeAccount {
  readonly #options: AccountOptions;
  readonly #logins = new Map<string, { verifier: string; untilMs: number; by: string }>();

  constructor(options: AccountOptions) {
    this.#options = options;
  }

  async status(): Promise<AccountStatus> {
    if (!this.#options.clientId || !this.#options.clientSecret)
      return { state: 'not_set_up', account: null, reason: 'YOUTUBE_CLIENT_ID and YOUTUBE_CLIENT_SECRET are not set' };
    const row = await findOauth(this.#options.db, SERVICE);
    if (!row) return { state: 'not_connected', account: null, reason: null };
    return { state: row.state, account: row.account, reason: row.reason };
  }

  /** Where the browser is sent to; good for ten minutes, once. Throws `stream.not_set_up`. */
  async begin(by: string): Promise<string> {
    const client = await this.#client();
    const nowMs = this.#options.clock.monotonicMs();
    for (const [state, { untilMs }] of this.#logins)
      if (untilMs < nowMs || this.#logins.size >= MOST_LOGINS) this.#logins.delete(state);
    const state = randomBytes(24).toString('base64url');
    const verifier = randomBytes(48).toString('base64url');
    this.#logins.set(state, { verifier, untilMs: nowMs + LOGIN_MS, by });
    return client.generateAuthUrl({
      access_type: 'offline',
      prompt: 'consent',
      scope: [SCOPE],
      state,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256' as never,
    });
  }

  /** The browser came back. Throws `auth.invalid` for a state that this server did not give out, or not to this person. */
  async finish(state: string, code: string, by: string): Promise<void> {
    const login = this.#logins.get(state);
    this.#logins.delete(state);
    if (!login || login.by !== by || login.untilMs < this.#options.clock.monotonicMs())
      throw new AppError('auth.invalid', 'this login was not begun here, or is too old: begin again', {
        problem: 'too_old',
      });
    const client = await this.#client();
    const { tokens } = await client.getToken({ code, codeVerifier: login.verifier });
    if (!tokens.refresh_token)
      throw new AppError(
        'auth.invalid',
        'Google gave no lasting token: remove the access at myaccount.google.com and connect again',
        { problem: 'no_lasting_token' },
      );
    client.setCredentials(tokens);
    const { db, cipher } = this.#options;
    await putOauth(db, SERVICE, { secret: cipher.seal(tokens.refresh_token), account: null, by });
  }

  async disconnect(): Promise<void> {
    await deleteOauth(this.#options.db, SERVICE);
  }

  /** Google said that the token is no longer good. */
  async revoked(reason: string): Promise<void> {
    await revokeOauth(this.#options.db, SERVICE, reason);
  }

  /** The API as this account; throws `stream.not_set_up` in words when there is none. */
  async api(): Promise<youtube_v3.Youtube> {
    const row = await findOauth(this.#options.db, SERVICE);
    const client = await this.#client();
    if (!row)
      throw new AppError('stream.not_set_up', 'no Google account is connected: connect one in the console, Streams');
    if (row.state === 'revoked')
      throw new AppError(
        'stream.not_set_up',
        `the Google account has to be connected again: ${row.reason ?? 'access ended'}`,
      );
    client.setCredentials({ refresh_token: this.#options.cipher.open(row.secret) });
    const { youtube } = await import('@googleapis/youtube');
    const { apiUrl } = this.#options;
    return youtube({ version: 'v3', auth: client, ...(apiUrl && { rootUrl: `${apiUrl.replace(/\/$/, '')}/` }) });
  }

  async #client() {
    const { clientId, clientSecret, redirectUrl, apiUrl } = this.#options;
    if (!clientId || !clientSecret)
      throw new AppError('stream.not_set_up', 'YOUTUBE_CLIENT_ID and YOUTUBE_CLIENT_SECRET are not set');
    const { auth } = await import('@googleapis/youtube');
    const endpoints = apiUrl ? { oauth2TokenUrl: `${apiUrl.replace(/\/$/, '')}/token` } : undefined;
    return new auth.OAuth2({ clientId, clientSecret, redirectUri: redirectUrl, ...(endpoints && { endpoints }) });
  }
}
