import { createHmac } from 'node:crypto';

/**
 * Credentials that a TURN server with the same secret takes until they expire (draft-uberti-behave-turn-rest-00; coturn's
 * `use-auth-secret`): the user name is `<epoch seconds of expiry>:<user>`.
 */
export function turnCredentials(
  secret: string,
  user: string,
  expiresAtMs: number,
): { username: string; credential: string } {
  const username = `${Math.floor(expiresAtMs / 1000)}:${user}`;
  return { username, credential: turnPassword(secret, username) };
}

/** The password that belongs to such a user name: base64 of its HMAC-SHA1. */
export function turnPassword(secret: string, username: string): string {
  return createHmac('sha1', secret).update(username).digest('base64');
}
