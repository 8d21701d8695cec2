/** A JSON Schema, as it is written into a contract. */
type Schema = Record<string, unknown>;
type Options = Record<string, unknown>;

const optional = new WeakSet<object>();

/**
 * What the shapes of the contracts use of TypeBox, for the agent: the package is 373 modules, of which a process that builds a hundred schemas at
 * its start and then never again needs none. The schemas are the same ones, to the letter (a test compares all of them).
 */
export const Type = {
  Any: (options?: Options): Schema => ({ ...options }),
  Unknown: (options?: Options): Schema => ({ ...options }),
  Null: (options?: Options): Schema => ({ type: 'null', ...options }),
  String: (options?: Options): Schema => ({ type: 'string', ...options }),
  Number: (options?: Options): Schema => ({ type: 'number', ...options }),
  Integer: (options?: Options): Schema => ({ type: 'integer', ...options }),
  Boolean: (options?: Options): Schema => ({ type: 'boolean', ...options }),
  Literal: (value: string | number | boolean, options?: Options): Schema => ({
    type: typeof value,
    const: value,
    ...options,
  }),
  Enum: (values: readonly (string | number)[], options?: Options): Schema => ({ enum: [...values], ...options }),
  Array: (items: Schema, options?: Options): Schema => ({ type: 'array', items, ...options }),
  Union: (anyOf: readonly Schema[], options?: Options): Schema => ({ anyOf: [...anyOf], ...options }),
  Record: (key: Schema, value: Schema, options?: Options): Schema => ({
    type: 'object',
    patternProperties: { [typeof key.pattern === 'string' ? key.pattern : '^.*$']: value },
    ...options,
  }),
  Object(properties: Record<string, Schema>, options?: Options): Schema {
    const required = Object.keys(properties).filter((name) => !optional.has(properties[name] ?? {}));
    return { type: 'object', ...(required.length > 0 && { required }), properties, ...options };
  },
  Optional(schema: Schema): Schema {
    const copy = { ...schema };
    optional.add(copy);
    return copy;
  },
  Partial(schema: Schema, options?: Options): Schema {
    const { required: _required, properties, ...rest } = schema;
    const all = Object.entries(properties as Record<string, Schema>);
    return Type.Object(Object.fromEntries(all.map(([name, one]) => [name, Type.Optional(one)])), {
      ...rest,
      ...options,
    });
  },
};
