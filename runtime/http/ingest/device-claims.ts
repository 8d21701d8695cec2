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

/** Whether all texts in a value can go into the database: no NUL and no half of a surrogate pair. */
export function isStorable(value: unknown): boolean {
  const open: unknown[] = [value];
  for (let item = open.pop(); item !== undefined || open.length > 0; item = open.pop()) {
    if (typeof item === 'string') {
      if (item.includes('\0') || !item.isWellFormed()) return false;
    } else if (typeof item === 'object' && item !== null) {
      for (const [name, inner] of Object.entries(item)) open.push(name, inner);
    }
  }
  return true;
}
