import { Type } from 'typebox';
import { JOB_STATES, type JobState } from '../../contracts/jobs.ts';
import { parser } from '../../lib/validate.ts';

/**
 * The socket of the running server speaks JSON, a line each: one request, then any number of `chunk`s (base64, of a backup), then one
 * `ok` that ends it.
 */
export const SOCKET_NAME = 'admin.sock';

export const AdminRequest = Type.Union([
  Type.Object({ ask: Type.Literal('status') }, { additionalProperties: false }),
  Type.Object(
    { ask: Type.Literal('reset-password'), user: Type.String({ minLength: 1, maxLength: 254 }) },
    { additionalProperties: false },
  ),
  Type.Object({ ask: Type.Literal('backup'), images: Type.Boolean() }, { additionalProperties: false }),
  Type.Object({ ask: Type.Literal('end') }, { additionalProperties: false }),
]);
export type AdminRequest =
  | { ask: 'status' }
  | { ask: 'reset-password'; user: string }
  | { ask: 'backup'; images: boolean }
  | { ask: 'end' };
export const parseAdminRequest = parser(AdminRequest);

export type AdminLine = { chunk: string } | { ok: true; answer: object } | { ok: false; code: string; message: string };

/** What `status` tells. */
export interface AdminStatus {
  state: 'running' | 'stopped';
  version: string;
  pid: number | null;
  url: string | null;
  database: { kind: 'postgres' | 'pglite'; trouble: string | null };
  flows: string;
  queue: Record<JobState, number> | null;
  disk: { free_bytes: number; total_bytes: number };
  segments: { count: number; bytes: number };
  /** the latest automatic backup of the embedded database, RFC 3339 */
  last_backup: string | null;
}

/** The status for people, a line a thing. */
export function describeStatus(status: AdminStatus): string {
  const { database, queue, disk, segments } = status;
  const lines: [string, string][] = [
    ['state', status.pid === null ? status.state : `${status.state} (process ${status.pid})`],
    ['version', status.version],
    ['address', status.url ?? '–'],
    ['database', `${database.kind}${database.trouble === null ? '' : `: ${database.trouble}`}`],
    ['flows', status.flows],
    ['queue', queue ? JOB_STATES.map((state) => `${state} ${queue[state]}`).join(', ') : '–'],
    ['frames', `${segments.count} segments, ${gigabytes(segments.bytes)}`],
    ['disk', `${gigabytes(disk.free_bytes)} of ${gigabytes(disk.total_bytes)} free`],
  ];
  if (database.kind === 'pglite') lines.push(['backup', status.last_backup ?? 'none yet']);
  return lines.map(([name, text]) => `${name.padEnd(10)}${text}\n`).join('');
}

function gigabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
