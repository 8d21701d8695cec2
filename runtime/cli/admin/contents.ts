import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Type } from 'typebox';
import { TEMPORARY } from '../../lib/files.ts';
import { parser } from '../../lib/validate.ts';

/** What a backup says of itself, in its first file. */
export const Manifest = Type.Object({
  product: Type.Literal('redeye'),
  format: Type.Literal(1),
  /** of the product that made it */
  version: Type.String({ maxLength: 50 }),
  /** RFC 3339 */
  made_at: Type.String({ maxLength: 40 }),
  /** `pglite`: its files in one tar; `tables`: rows as JSON lines */
  database: Type.Enum(['pglite', 'tables']),
  /** with the pictures of events, and those on request */
  images: Type.Boolean(),
});
export const parseManifest = parser(Manifest, 'db.broken');

export const DumpedTablesFile = Type.Object({
  migration: Type.Integer({ minimum: 1, maximum: 9999 }),
  tables: Type.Array(Type.String({ pattern: '^[a-z_]{1,60}$' }), { maxItems: 1000 }),
  sequences: Type.Record(Type.String(), Type.Integer({ minimum: 0 })),
});
export const parseDumpedTables = parser(DumpedTablesFile, 'db.broken');

/** Names in a backup. */
export const PLACES = {
  manifest: 'manifest.json',
  secrets: 'secrets.json',
  signingKey: 'signing-key.json',
  pglite: 'database/pglite.tar',
  tables: 'database/tables.json',
  rows: (table: string, part: number) => `database/${table}/${String(part).padStart(6, '0')}.jsonl`,
} as const;

const ALLOWED =
  /^(manifest\.json|secrets\.json|signing-key\.json|bundles\/[0-9a-f]{64}|database\/(pglite\.tar|tables\.json|[a-z_]+\/\d{6}\.jsonl)|(flows\/(server|edge)|node-red|events|images)\/.+)$/;

/** Whether a path may come out of a backup: one that we write, without any way out of its folder. */
export function isAllowedPath(path: string): boolean {
  if (!ALLOWED.test(path) || path.includes('\0') || path.includes('\\')) return false;
  return path
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..' && Buffer.byteLength(part) <= 255);
}

/** Of Node-RED's folder these are not kept: packages can be had again, sessions should end, starts are of that machine. */
const NOT_KEPT = new Set(['node_modules', '.npm', 'sessions.json', 'starts.json']);

/** Files below a folder, as paths with `/`; an absent folder has none. Links and half-written files are passed over. */
export async function* filesBelow(root: string, path = ''): AsyncGenerator<string> {
  const entries = await readdir(join(root, path), { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  for (const entry of entries.sort((a, b) => a.name.localeCompare(b.name))) {
    const below = path === '' ? entry.name : `${path}/${entry.name}`;
    if (TEMPORARY.test(entry.name)) continue;
    if (entry.isDirectory()) yield* filesBelow(root, below);
    else if (entry.isFile()) yield below;
  }
}

/** Of Node-RED's own folder the files that belong into a backup. */
export async function* userFilesBelow(root: string): AsyncGenerator<string> {
  for await (const path of filesBelow(root)) if (!path.split('/').some((part) => NOT_KEPT.has(part))) yield path;
}
