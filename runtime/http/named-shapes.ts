type Json = unknown;

/**
 * Collects the shapes that have a `title` and puts a reference in their place, so that a document says each of them once. Two shapes of
 * one title are a mistake and throw.
 */
export class NamedShapes {
  readonly #shapes = new Map<string, { text: string; shape: Json }>();

  /** The schema with references in place of its named parts. */
  refer(schema: unknown): Json {
    return this.#walk(JSON.parse(JSON.stringify(schema)));
  }

  /** The shapes met so far, by name. */
  all(): Record<string, Json> {
    return Object.fromEntries(
      [...this.#shapes].sort(([a], [b]) => a.localeCompare(b)).map(([name, { shape }]) => [name, shape]),
    );
  }

  #walk(value: Json): Json {
    if (Array.isArray(value)) return value.map((one) => this.#walk(one));
    if (typeof value !== 'object' || value === null) return value;
    const walked = Object.fromEntries(
      Object.entries(value).map(([key, one]) => [key, key === 'examples' || key === 'default' ? one : this.#walk(one)]),
    );
    // A property may be called title too: then it is a schema, not a text.
    if (typeof walked.title !== 'string') return walked;
    const name = walked.title;
    const text = JSON.stringify(walked);
    const known = this.#shapes.get(name);
    if (known && known.text !== text) throw new Error(`two shapes are called ${name}`);
    this.#shapes.set(name, { text, shape: walked });
    return { $ref: `#/components/schemas/${name}` };
  }
}
