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
