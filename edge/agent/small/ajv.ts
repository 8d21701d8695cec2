import { FORMATS } from './formats.ts';

/** A JSON Schema with the keywords that the contracts use. */
interface Schema {
  type?: string;
  const?: unknown;
  enum?: readonly unknown[];
  anyOf?: readonly Schema[];
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  required?: readonly string[];
  items?: Schema;
  default?: unknown;
  pattern?: string;
  format?: string;
  [limit: string]: unknown;
}

/** What is wrong with a value, and where: the first of it, in the words of Ajv. */
export interface ErrorObject {
  keyword: string;
  instancePath: string;
  params: Record<string, unknown>;
  message: string;
}

export interface ValidateFunction {
  (value: unknown): boolean;
  errors?: ErrorObject[] | null;
}

type Said = ErrorObject | undefined;
type Fields = Record<string, unknown>;

const TYPES: Record<string, (value: unknown) => boolean> = {
  string: (value) => typeof value === 'string',
  // As Ajv without its strict mode: NaN is a number, and beyond every limit.
  number: (value) => typeof value === 'number',
  integer: (value) =>
    Number.isInteger(value) || value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY,
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
  array: Array.isArray,
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

/** The limits, each with how a value is measured, which side of the limit is wrong, and the words for it. */
const LIMITS: [
  keyword: string,
  type: string,
  wrong: (value: never, limit: number) => boolean,
  words: (n: number) => string,
][] = [
  ['maximum', 'number', (value: number, limit) => !(value <= limit), (n) => `must be <= ${n}`],
  ['minimum', 'number', (value: number, limit) => !(value >= limit), (n) => `must be >= ${n}`],
  ['exclusiveMaximum', 'number', (value: number, limit) => !(value < limit), (n) => `must be < ${n}`],
  ['exclusiveMinimum', 'number', (value: number, limit) => !(value > limit), (n) => `must be > ${n}`],
  ['maxLength', 'string', (value: string, limit) => lengthOf(value) > limit, (n) => more(n, 'characters')],
  ['minLength', 'string', (value: string, limit) => lengthOf(value) < limit, (n) => fewer(n, 'characters')],
];
const SIZES: typeof LIMITS = [
  ['maxItems', 'array', (value: unknown[], limit) => value.length > limit, (n) => more(n, 'items')],
  ['minItems', 'array', (value: unknown[], limit) => value.length < limit, (n) => fewer(n, 'items')],
  [
    'maxProperties',
    'object',
    (value: object, limit) => Object.keys(value).length > limit,
    (n) => more(n, 'properties'),
  ],
  [
    'minProperties',
    'object',
    (value: object, limit) => Object.keys(value).length < limit,
    (n) => fewer(n, 'properties'),
  ],
];
/** All that is read here; a schema with another keyword than these and the descriptive ones is refused, not half obeyed. */
const READ = new Set([
  ...['type', 'const', 'enum', 'anyOf', 'properties', 'patternProperties', 'additionalProperties', 'required', 'items'],
  ...['default', 'pattern', 'format', ...LIMITS.map(([keyword]) => keyword), ...SIZES.map(([keyword]) => keyword)],
  ...['title', 'description', 'examples', 'secret', 'list', 'aliases', '$id'],
]);

/**
 * Checks values against schemas by reading them, in place of the code that Ajv makes of each: for the agent, which checks a handful of small
 * messages a minute. Same verdicts, same first error, same defaults filled in (a test compares them on every schema of the agent).
 */
export class Ajv {
  compile(schema: Schema): ValidateFunction {
    refuseUnread(schema);
    const validate: ValidateFunction = (value) => {
      const error = check(schema, value, '', true);
      validate.errors = error ? [error] : null;
      return error === undefined;
    };
    return validate;
  }
}

function refuseUnread(schema: Schema): void {
  const unread = Object.keys(schema).find((keyword) => !READ.has(keyword));
  if (unread !== undefined) throw new TypeError(`a schema has the keyword ${unread}, which is not read on a device`);
  const { additionalProperties, anyOf = [], items, patternProperties = {}, properties = {} } = schema;
  const inner = [
    ...anyOf,
    ...Object.values(properties),
    ...Object.values(patternProperties),
    items,
    additionalProperties,
  ];
  for (const one of inner) if (typeof one === 'object') refuseUnread(one);
}

function check(schema: Schema, value: unknown, path: string, fill: boolean): Said {
  const { type, pattern, format } = schema;
  if (type !== undefined && !TYPES[type]?.(value)) return error('type', path, { type }, `must be ${type}`);
  const limit = beyond(LIMITS, schema, value, path);
  if (limit) return limit;
  if (typeof value === 'string') {
    if (pattern !== undefined && !new RegExp(pattern, 'u').test(value))
      return error('pattern', path, { pattern }, `must match pattern "${pattern}"`);
    if (format !== undefined && FORMATS[format]?.(value) === false)
      return error('format', path, { format }, `must match format "${format}"`);
  }
  return (
    checkChoice(schema, value, path) ??
    beyond(SIZES, schema, value, path) ??
    (Array.isArray(value) ? checkItems(schema, value, path, fill) : undefined) ??
    (TYPES.object?.(value) ? checkFields(schema, value as Fields, path, fill) : undefined)
  );
}

function beyond(limits: typeof LIMITS, schema: Schema, value: unknown, path: string): Said {
  for (const [keyword, type, wrong, words] of limits) {
    const limit = schema[keyword];
    if (typeof limit === 'number' && TYPES[type]?.(value) && wrong(value as never, limit))
      return error(keyword, path, { limit }, words(limit));
  }
  return undefined;
}

function checkChoice(schema: Schema, value: unknown, path: string): Said {
  const { anyOf, enum: allowedValues } = schema;
  if ('const' in schema && value !== schema.const)
    return error('const', path, { allowedValue: schema.const }, 'must be equal to constant');
  if (allowedValues && !allowedValues.includes(value))
    return error('enum', path, { allowedValues }, 'must be equal to one of the allowed values');
  if (!anyOf) return undefined;
  let first: Said;
  for (const one of anyOf) {
    // Defaults are for who is sure of the shape.
    const said = check(one, value, path, false);
    if (!said) return undefined;
    first ??= said;
  }
  return first;
}

function checkItems({ items }: Schema, value: unknown[], path: string, fill: boolean): Said {
  if (!items) return undefined;
  for (const [index, item] of value.entries()) {
    const said = check(items, item, `${path}/${index}`, fill);
    if (said) return said;
  }
  return undefined;
}

function checkFields(schema: Schema, value: Fields, path: string, fill: boolean): Said {
  const { additionalProperties = true, patternProperties = {}, properties = {}, required = [] } = schema;
  if (fill) {
    for (const [name, { default: given }] of Object.entries(properties))
      if (given !== undefined && value[name] === undefined) value[name] = structuredClone(given);
  }
  const missingProperty = required.find((name) => value[name] === undefined);
  if (missingProperty !== undefined)
    return error('required', path, { missingProperty }, `must have required property '${missingProperty}'`);
  const patterns = Object.entries(patternProperties).map(([pattern, one]) => [new RegExp(pattern, 'u'), one] as const);
  if (additionalProperties !== true) {
    for (const name of Object.keys(value)) {
      if (Object.hasOwn(properties, name) || patterns.some(([pattern]) => pattern.test(name))) continue;
      if (additionalProperties === false)
        return error('additionalProperties', path, { additionalProperty: name }, 'must NOT have additional properties');
      const said = check(additionalProperties, value[name], inside(path, name), fill);
      if (said) return said;
    }
  }
  for (const [name, one] of Object.entries(properties)) {
    if (value[name] === undefined) continue;
    const said = check(one, value[name], inside(path, name), fill);
    if (said) return said;
  }
  for (const [pattern, one] of patterns) {
    for (const name of Object.keys(value)) {
      const said = pattern.test(name) ? check(one, value[name], inside(path, name), fill) : undefined;
      if (said) return said;
    }
  }
  return undefined;
}

function error(keyword: string, instancePath: string, params: Fields, message: string): ErrorObject {
  return { keyword, instancePath, params, message };
}

function inside(path: string, name: string): string {
  return `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** In characters, not in halves of them. */
function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

function more(n: number, what: string): string {
  return `must NOT have more than ${n} ${what}`;
}

function fewer(n: number, what: string): string {
  return `must NOT have fewer than ${n} ${what}`;
}
