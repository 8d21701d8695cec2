import { type TProperties, Type } from 'typebox';
import type { ListQuery } from '../contracts/api.ts';
import { AppError } from '../contracts/errors.ts';
import { ID_PATTERN } from '../contracts/ids.ts';
import type { User } from '../contracts/users.ts';

const id = (of: string) => Type.Optional(Type.String({ pattern: ID_PATTERN, description: `only of this ${of}` }));
const time = (of: string) => Type.Optional(Type.String({ maxLength: 40, description: `${of}, RFC 3339 or epoch ms` }));

/** The schema of a list's query: paging, and what it can be narrowed by. */
export function listSchema<P extends TProperties>(more: P) {
  return Type.Object(
    {
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
      cursor: Type.Optional(Type.String({ maxLength: 200 })),
      device: id('device'),
      camera: id('camera'),
      from: time('from this time on'),
      to: time('before this time'),
      ...more,
    },
    { additionalProperties: false },
  );
}

/** A checked query as the stages take it; the user's cameras limit what comes back. */
export function listQuery(query: Record<string, unknown>, user: User): ListQuery {
  return {
    limit: (query.limit as number | undefined) ?? 50,
    cursor: query.cursor as string | undefined,
    cameras: user.cameras,
    device: query.device as string | undefined,
    camera: query.camera as string | undefined,
    from: parseTime(query.from as string | undefined, 'from'),
    to: parseTime(query.to as string | undefined, 'to'),
  };
}

const zoned = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2})$/;

/** Epoch ms of an RFC 3339 time with zone, or of a number (1e11 and more are ms, less are seconds). */
export function parseTime(text: string | undefined, field: string): number | undefined {
  if (text === undefined) return undefined;
  const number = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  const ms = Number.isNaN(number)
    ? zoned.test(text)
      ? Date.parse(text.replace(' ', 'T'))
      : Number.NaN
    : number >= 1e11
      ? number
      : number * 1000;
  if (Number.isNaN(ms) || ms > 8.64e15) {
    throw new AppError('request.invalid', `${field} must be a time as 2026-11-20T12:00:00Z or epoch ms`, { field });
  }
  return ms;
}

/** Throws `auth.forbidden` unless the user may see that camera. */
export function requireCamera(user: User, camera: string): void {
  if (user.cameras !== null && !user.cameras.includes(camera)) {
    throw new AppError('auth.forbidden', `you may not see the camera ${camera}`);
  }
}
