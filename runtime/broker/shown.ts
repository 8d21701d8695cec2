const MAX_CHARS = 120;

/** What a stranger called itself or its topic, as a log may hold it: short, and without anything that some reader takes for a line break. */
export function shown(text: string | undefined): string {
  return (text ?? '').slice(0, MAX_CHARS).replace(/[^\x20-\x7e]/g, '?');
}
