import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';

/** What logging in and working on jobs changes, and what devices that come and go leave of themselves. */
const OWN_BUSINESS = ['refresh_tokens', 'camera_lanes', 'segment_checkpoints', 'schema_migrations'];
/** The state of all pushes, written every half minute. */
const PUSH_HEALTH = 'data/publisher_health.json';

/**
 * What the database holds, table by table: how many rows, and a digest of what only a person or a device's frame changes. Left out is what
 * the clock and a heartbeat change by themselves.
 */
export async function rowsOf(db: pg.Client): Promise<Record<string, string>> {
  const digested: Record<string, string> = {
    users: 'id, name, role, password_hash, cameras, may_edit_flows, disabled_at',
    devices: 'id, name, last_seq, info, health, rssi, battery_mv, fw_version, disabled_at, deleted_at',
    device_keys: 'id, device_id, hash, expires_at, revoked_at',
    device_configs: 'device_id, version, config, active',
    cameras: 'id, device_id, name, url, driver, deleted_at',
    rois: 'camera_id, version, rois',
    captures: 'id, device_id, camera_id, seq, size, crc32, meta',
    events: 'id, type, state, note, reviewed, verdict, keep, details',
    event_images: 'event_id, role, path',
    retention_rules: '*',
  };
  const found: Record<string, string> = {};
  for (const [table, columns] of Object.entries(digested)) {
    const { rows } = await db.query<{ rows: string; digest: string }>(
      `select count(*) as rows, md5(coalesce(string_agg(t::text, '|' order by t::text), '')) as digest
       from (select ${columns} from ${table}) t`,
    );
    found[table] = `${rows[0]?.rows} rows, ${rows[0]?.digest}`;
  }
  // The editor keeps a book of who was refused there.
  const ours = await db.query<{ rows: string }>(`select count(*) as rows from audit where action not like 'editor.%'`);
  found.audit = `${ours.rows[0]?.rows} rows`;
  const { rows: tables } = await db.query<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = 'public' and tablename <> all($1)`,
    [[...Object.keys(digested), 'audit', ...OWN_BUSINESS]],
  );
  for (const { name: table } of tables) {
    // What a device that connects is asked by the server itself is no change of anybody's.
    const whose = table === 'commands' ? `where actor like 'user:%'` : '';
    const { rows } = await db.query<{ rows: string }>(`select count(*) as rows from ${table} ${whose}`);
    found[table] = `${rows[0]?.rows} rows`;
  }
  return found;
}

/** Files below a folder, save those whose coming and going is the server's own business. */
export async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((path) => !/^data\/(segments|backups)\//.test(path) && path !== PUSH_HEALTH)
    .sort();
}

/** Resident memory of a process, in MB. */
export async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}
