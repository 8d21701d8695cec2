/** What the nodes of one dialect keep together, as a preview that one starts and another stops. */
const memories = new Map<string, { memory: Map<string, unknown>; users: number }>();

/** The memory of a dialect; with its last node goes what it holds, and what of that is disposable is given back. */
export function sharedMemory(dialect: string): { memory: Map<string, unknown>; release: () => void } {
  const known = memories.get(dialect) ?? { memory: new Map<string, unknown>(), users: 0 };
  memories.set(dialect, known);
  known.users += 1;
  let isHeld = true;
  return {
    memory: known.memory,
    release() {
      if (!isHeld) return;
      isHeld = false;
      known.users -= 1;
      if (known.users > 0) return;
      memories.delete(dialect);
      for (const kept of known.memory.values()) (kept as Partial<Disposable> | undefined)?.[Symbol.dispose]?.();
    },
  };
}
