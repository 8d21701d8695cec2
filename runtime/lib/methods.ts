import { AppError } from '../contracts/errors.ts';

/** The value of `Allow` for a path that has these methods: HEAD comes with GET, and OPTIONS always (RFC 9110 §9.3.2, §9.3.7, §10.2.1). */
export function allowOf(methods: Iterable<string>): string {
  const upper = new Set([...methods].map((method) => method.toUpperCase()));
  if (upper.has('GET')) upper.add('HEAD');
  return [...upper.add('OPTIONS')].sort().join(', ');
}

/** What refuses a method: `route.method_not_allowed`, in words that say what is possible. */
export function notAllowed(method: string | undefined, allow: string): AppError {
  return new AppError('route.method_not_allowed', `${(method ?? '').slice(0, 20)} is not possible here; ${allow} are`);
}
