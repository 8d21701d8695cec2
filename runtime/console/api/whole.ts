interface Page<T> {
  items: T[];
  next: string | null;
}

const MOST = 200;

/** All of a list, however many pages it has, in the order in which it comes. */
export async function whole<T>(ask: (query: { limit: number; cursor?: string }) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Page<T> = await ask({ limit: MOST, ...(cursor !== '' && { cursor }) });
    items.push(...page.items);
    cursor = page.next;
  }
  return items;
}

/** All of it by id: what stands at a place stays there when another one is added. */
export async function wholeById<T extends { id: string }>(
  ask: (query: { limit: number; cursor?: string }) => Promise<Page<T>>,
): Promise<T[]> {
  return (await whole(ask)).sort((one, other) => one.id.localeCompare(other.id));
}
