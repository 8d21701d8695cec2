import { ERROR_CODES, type ErrorCode } from '../contracts/errors.ts';
import type { RouteSpec } from './route.ts';

/** What is missing when the id in the address names nothing. */
const NOT_FOUND: Record<string, ErrorCode> = {
  users: 'user.not_found',
  devices: 'device.not_found',
  cameras: 'camera.not_found',
  captures: 'capture.not_found',
  events: 'event.not_found',
  jobs: 'job.not_found',
  sessions: 'session.not_found',
};

/** The codes that a route may answer with, by status: what follows from its checks, and what it says of itself. */
export function errorsOf(route: RouteSpec): Map<number, ErrorCode[]> {
  const codes = new Set<ErrorCode>(route.errors);
  if (route.access !== 'open') {
    for (const code of ['auth.missing', 'auth.invalid', 'auth.expired', 'auth.forbidden'] as const) codes.add(code);
    if (!route.despitePasswordChange) codes.add('auth.password_change');
    if (route.method !== 'get') codes.add('csrf.refused');
  }
  if (route.query || route.body || route.path.includes(':')) codes.add('request.invalid');
  if (route.body) for (const code of ['request.too_large', 'request.unsupported_type'] as const) codes.add(code);
  const [, collection = ''] = /^\/([\w-]+)\/:id/.exec(route.path) ?? [];
  const missing = NOT_FOUND[collection];
  if (missing) codes.add(missing);
  for (const code of ['db.unavailable', 'internal.error'] as const) codes.add(code);
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) byStatus.set(ERROR_CODES[code], [...(byStatus.get(ERROR_CODES[code]) ?? []), code]);
  return new Map([...byStatus].sort(([one], [other]) => one - other));
}
