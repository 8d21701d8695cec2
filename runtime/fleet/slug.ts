const LONGEST = 50;

/** An id made from a name: lower case letters, digits and dashes; `device` where nothing of the name is left. */
export function slug(name: string, otherwise = 'device'): string {
  const plain = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, LONGEST)
    .replace(/-+$/, '');
  return plain === '' ? otherwise : plain;
}

/** The wanted id, or it with the first number from 2 on that is free. */
export function freeId(wanted: string, taken: ReadonlySet<string>): string {
  if (!taken.has(wanted)) return wanted;
  for (let n = 2; ; n++) {
    const id = `${wanted}-${n}`;
    if (!taken.has(id)) return id;
  }
}
