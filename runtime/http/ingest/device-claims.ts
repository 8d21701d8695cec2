import { AppError } from '../../contracts/errors.ts';
import type { KnownDevice } from '../../contracts/services.ts';

/** A copy in which these fields, where they are texts, are in lower case: ids are, and devices are not careful about it. */
export function foldCase(body: object, fields: readonly string[]): Record<string, unknown> {
  const folded: Record<string, unknown> = { ...body };
  for (const field of fields) {
    const value = folded[field];
    if (typeof value === 'string') folded[field] = value.toLowerCase();
  }
  return folded;
}

/** Throws `device.foreign` when a request with this device's key speaks of another device. */
export function checkOwn(device: KnownDevice, id: string): void {
  if (id === device.id) return;
  throw new AppError('device.foreign', `the key is not one of device ${id.slice(0, 63)}`, { field: 'device_id' });
}
