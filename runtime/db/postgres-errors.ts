import pg from 'pg';
import { AppError } from '../contracts/errors.ts';

/** What the driver says, without a code, when the connection is the trouble (pg 8, pg-pool 3). */
const LOST =
  /connection terminated|connection ended|timeout exceeded when trying to connect|query read timeout|not queryable|client was closed|after calling end on the pool/i;

/** Codes of Node for a host that cannot be reached or does not answer any more. */
const NETWORK = /^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|EPIPE|EHOST|ENET|ENOENT$|EADDRNOTAVAIL)/;

/** Tells whether an error is about the connection, and so about no statement in particular. */
export function isLostConnection(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  if (error instanceof pg.DatabaseError) {
    // 08: connection; 57P01–57P03: stopped, crashed, starting up; 53300: no connection free.
    return code.startsWith('08') || /^57P0[123]$/.test(code) || code === '53300';
  }
  return NETWORK.test(code) || LOST.test(error.message);
}

/** Tells whether a row was refused because another one has what must be its own. */
export function isDuplicate(error: unknown): boolean {
  return (error as { code?: unknown } | undefined)?.code === '23505';
}

/** A lost connection becomes `db.unavailable` with its cause; everything else stays as PostgreSQL said it. */
export function mapped(error: unknown): unknown {
  if (!isLostConnection(error)) return error;
  const why = error instanceof Error && error.message !== '' ? error.message : causeOf(error);
  return new AppError('db.unavailable', `the database does not answer: ${why}`, { retryAfterS: 5 }, { cause: error });
}

/** An AggregateError (one host, several addresses) says nothing itself. */
function causeOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map((each) => String(each?.message ?? each)).join('; ');
  return String((error as { code?: unknown }).code ?? error);
}
