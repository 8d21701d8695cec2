/** First in, first out, with a limit in items and in weight (bytes). `offer` says no instead of growing. */
export class BoundedQueue<T> {
  readonly #limits: { items: number; weight: number };
  #items: { item: T; weight: number }[] = [];
  #weight = 0;

  constructor(limits: { items: number; weight?: number }) {
    this.#limits = { items: limits.items, weight: limits.weight ?? Number.POSITIVE_INFINITY };
  }

  get length(): number {
    return this.#items.length;
  }

  get weight(): number {
    return this.#weight;
  }

  /** Takes the item, or answers false when it does not fit. */
  offer(item: T, weight = 0): boolean {
    if (this.#items.length >= this.#limits.items || this.#weight + weight > this.#limits.weight) return false;
    this.#items.push({ item, weight });
    this.#weight += weight;
    return true;
  }

  /** Removes and answers up to `count` of the oldest items. */
  take(count: number): T[] {
    const taken = this.#items.splice(0, count);
    for (const entry of taken) this.#weight -= entry.weight;
    return taken.map((entry) => entry.item);
  }
}
