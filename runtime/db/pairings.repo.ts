import type { Queryable } from './db.ts';

/** A device that waits for somebody to type its code. */
export interface PairingRow {
  code: string;
  public_key: Buffer;
  model: string;
  address: string;
}

/** Notes a device that waits; false when the code is in use. */
export async function insertPairing(
  q: Queryable,
  pairing: PairingRow & { pollHash: Buffer; at: Date; expiresAt: Date },
): Promise<boolean> {
  const { rowCount } = await q.query(
    `insert into pairings (code, poll_hash, public_key, model, address, created_at, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing`,
    [pairing.code, pairing.pollHash, pairing.public_key, pairing.model, pairing.address, pairing.at, pairing.expiresAt],
  );
  return rowCount > 0;
}

/** Forgets what nobody claimed in time, or fetched. */
export async function deleteExpiredPairings(q: Queryable, now: Date): Promise<void> {
  await q.query('delete from pairings where expires_at <= $1', [now]);
}

/** How many wait: all, and those of one address. */
export async function countPairings(q: Queryable, address: string): Promise<{ all: number; here: number }> {
  const { rows } = await q.query<{ all: number; here: number }>(
    'select count(*)::int as all, count(*) filter (where address = $1)::int as here from pairings',
    [address],
  );
  return rows[0] ?? { all: 0, here: 0 };
}

/** Locks one that can still be claimed; undefined for any other code. */
export async function lockPairing(q: Queryable, code: string, now: Date): Promise<PairingRow | undefined> {
  const { rows } = await q.query<PairingRow>(
    `select code, public_key, model, address from pairings
      where code = $1 and expires_at > $2 and claimed_at is null for update`,
    [code, now],
  );
  return rows[0];
}

/** Lays the sealed key down for the device. */
export async function claimPairing(
  q: Queryable,
  code: string,
  claim: { device: string; sealed: string; at: Date; expiresAt: Date },
): Promise<void> {
  await q.query('update pairings set claimed_at = $2, device_id = $3, sealed = $4, expires_at = $5 where code = $1', [
    code,
    claim.at,
    claim.device,
    claim.sealed,
    claim.expiresAt,
  ]);
}

/** What became of the pairing with this poll token. What was claimed is taken out with the answer: of two who ask at once one gets it. */
export async function takePairing(
  q: Queryable,
  pollHash: Buffer,
  now: Date,
): Promise<{ device: string; sealed: string } | 'waiting' | undefined> {
  const taken = await q.query<{ device: string; sealed: string }>(
    `delete from pairings where poll_hash = $1 and expires_at > $2 and claimed_at is not null
     returning device_id as device, sealed`,
    [pollHash, now],
  );
  if (taken.rows[0]) return taken.rows[0];
  const { rows } = await q.query('select 1 from pairings where poll_hash = $1 and expires_at > $2', [pollHash, now]);
  return rows.length > 0 ? 'waiting' : undefined;
}
