import type { Log } from '../contracts/host.ts';

/** Something an operator did in the editor: deployed, logged in, was refused. */
export interface AuditEntry {
  /** as Node-RED names it: `flows.set`, `auth.login`, `permission.fail` … */
  event: string;
  user?: string;
  ip?: string;
  path?: string;
  fields: Record<string, unknown>;
}

// Node-RED's levels; the lower, the graver.
const ERROR = 20;
const WARN = 30;
const INFO = 40;
const AUDIT = 98;
const METRIC = 99;

interface Entry {
  level: number;
  msg?: unknown;
  id?: string;
  type?: string;
  name?: string;
  z?: string;
  event?: string;
  user?: { username?: string };
  username?: string;
  path?: string;
  ip?: string;
  [field: string]: unknown;
}

/** The `logging` setting that sends Node-RED's log into ours, and what operators did to `onAudit`. */
export function bridgeLogging(log: Log, onAudit: (entry: AuditEntry) => void): Record<string, unknown> {
  const handler = () => (entry: Entry) => {
    if (entry.level === METRIC) return;
    if (entry.level === AUDIT) onAudit(auditOf(entry));
    else write(log, entry);
  };
  return { redeye: { level: 'info', metrics: false, audit: true, handler } };
}

function write(log: Log, entry: Entry): void {
  const text = textOf(entry.msg);
  if (text === '') return;
  const fields = entry.id ? { node: entry.id, type: entry.type, name: entry.name, flow: entry.z } : {};
  if (entry.level <= ERROR) log.error(text, fields);
  // Said at every start until a flow has its first credential: no news for anybody.
  else if (text === 'Encrypted credentials not found') log.debug(text);
  else if (entry.level <= WARN) log.warn(text, fields);
  // A node that talks is the operator's wish; the engine's own talk at start is for those who look for it.
  else if (entry.level <= INFO && entry.id) log.info(text, fields);
  else log.debug(text, fields);
}

function auditOf({
  level: _level,
  msg: _msg,
  event,
  user,
  username,
  path,
  ip,
  timestamp: _at,
  ...fields
}: Entry): AuditEntry {
  const name = user?.username ?? username;
  const entry: AuditEntry = { event: String(event ?? ''), fields };
  if (name !== undefined) entry.user = name;
  if (ip !== undefined) entry.ip = ip;
  if (path !== undefined) entry.path = path;
  return entry;
}

function textOf(msg: unknown): string {
  if (msg instanceof Error) return String(msg).trim();
  if (typeof msg === 'object' && msg !== null) {
    const message = (msg as { message?: unknown }).message;
    return typeof message === 'string' ? message : JSON.stringify(msg);
  }
  return String(msg ?? '').trim();
}
