import { open } from 'node:fs/promises';
import { AppError } from '../../contracts/errors.ts';

const MOST_BYTES = 16 * 1024;
const LINE = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/;

/**
 * Reads `RTMP_URL` (or `WHIP_URL`, a web address) and `STREAM_KEY` out of a file that a shell could source too (quotes, `export` and comments are understood, nothing
 * is executed). Throws `push.key_file` with the reason, never with what is in the file.
 */
export async function readKeyFile(path: string): Promise<{ url?: string; key?: string }> {
  const values = parseKeyFile(await readSome(path));
  const url = values.get('RTMP_URL') ?? values.get('WHIP_URL')?.replace(/^http(s?):/i, 'whip$1:');
  const key = values.get('STREAM_KEY');
  if (url === undefined && key === undefined)
    throw new AppError('push.key_file', `${path} has none of RTMP_URL=, WHIP_URL= and STREAM_KEY=`, {
      field: 'keyFile',
    });
  return { ...(url !== undefined && { url }), ...(key !== undefined && { key }) };
}

/** Names and values of a file of shell assignments; lines that are none are passed over. */
export function parseKeyFile(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, raw = ''] = LINE.exec(line.replace(/\r$/, '')) ?? [];
    if (name !== undefined) values.set(name, unquoted(raw.trim()));
  }
  return values;
}

function unquoted(raw: string): string {
  const [, single] = /^'([^']*)'/.exec(raw) ?? [];
  if (single !== undefined) return single;
  const [, double] = /^"((?:[^"\\]|\\.)*)"/.exec(raw) ?? [];
  if (double !== undefined) return double.replace(/\\(["\\$`])/g, '$1');
  return raw.replace(/\s+#.*$/, '');
}

async function readSome(path: string): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(MOST_BYTES), 0, MOST_BYTES, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'is not there' : code === 'EACCES' ? 'may not be read' : `cannot be read (${code})`;
    throw new AppError('push.key_file', `the key file ${path} ${why}`, { field: 'keyFile' }, { cause });
  }
}
