import { AppError, type ErrorCode } from '../contracts/errors.ts';

interface Open {
  item: unknown;
  path: string;
}

/**
 * Where a text in a value cannot go into the database, because of a NUL or half of a surrogate pair: its path, as `rois.0.name`, empty
 * for the value itself; undefined when all can. A field's name counts too: then it is the path of what it belongs to.
 */
export function unstorable(value: unknown): string | undefined {
  const open: Open[] = [{ item: value, path: '' }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { item, path } = next;
    if (typeof item === 'string' && !isText(item)) return path;
    if (typeof item !== 'object' || item === null) continue;
    for (const [name, inner] of Object.entries(item)) {
      if (!isText(name)) return path;
      open.push({ item: inner, path: path === '' ? name : `${path}.${name}` });
    }
  }
  return undefined;
}

/** Throws `code` naming the field when `unstorable` finds one; `where` stands for the value itself. */
export function checkStorable(value: unknown, where: string, code: ErrorCode = 'request.invalid'): void {
  const path = unstorable(value);
  if (path === undefined) return;
  const field = path || where;
  throw new AppError(code, `${field} holds characters that cannot be stored`, { field });
}

function isText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}
