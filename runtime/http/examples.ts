import type { TSchema } from 'typebox';

/** What a field of that name usually holds; a schema's own `examples` go before it. */
const BY_NAME: Record<string, unknown> = {
  id: 'pantry',
  name: 'Pantry',
  camera: 'pantry-cam',
  cameras: ['pantry-cam'],
  device: 'pantry',
  email: 'anna@example.org',
  password: 'a long password of mine',
  current_password: 'a long password of mine',
  new_password: 'another long password',
  url: 'rtsp://192.168.1.20/stream1',
  message: 'there is no device "pantry"',
  code: 'device.not_found',
  error: 'Not Found',
  statusCode: 404,
};

interface JsonSchema {
  type?: string;
  title?: string;
  const?: unknown;
  enum?: readonly unknown[];
  anyOf?: readonly TSchema[];
  allOf?: readonly TSchema[];
  examples?: readonly unknown[];
  default?: unknown;
  format?: string;
  pattern?: string;
  minLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  items?: TSchema | readonly TSchema[];
  properties?: Record<string, TSchema>;
}

const TRIANGLE = [
  [0.1, 0.1],
  [0.9, 0.1],
  [0.5, 0.9],
];

/** A value that the schema takes, as one that a reader would expect there; the field's name helps to find one. */
export function exampleOf(schema: TSchema, name = ''): unknown {
  const known = schema as unknown as JsonSchema;
  const [given] = known.examples ?? [];
  if (given !== undefined) return given;
  if (known.const !== undefined) return known.const;
  if (known.enum) return known.enum[0];
  if (known.default !== undefined) return known.default;
  const [first] = known.anyOf ?? [];
  if (first !== undefined) return exampleOf(first, name);
  if (known.type === 'object') {
    const fields = Object.entries(known.properties ?? {});
    return Object.fromEntries(fields.map(([field, one]) => [field, exampleOf(one, field)]));
  }
  if (known.type === 'array') return exampleList(known, name);
  if (known.type === 'string') return exampleText(known, name);
  if (known.type === 'integer' || known.type === 'number') return exampleNumber(known, name);
  if (known.type === 'boolean') return true;
  return null;
}

function exampleList({ items, minItems = 0 }: JsonSchema, name: string): unknown {
  if (name === 'points') return TRIANGLE;
  if (Array.isArray(items)) return items.map((item: TSchema) => exampleOf(item));
  if (items === undefined) return [];
  const one = exampleOf(items as TSchema, name === 'cameras' ? 'camera' : name.replace(/s$/, ''));
  return Array.from({ length: Math.max(1, minItems) }, () => one);
}

function exampleText({ pattern, minLength = 0 }: JsonSchema, name: string): string {
  const usual = BY_NAME[name];
  const fits = typeof usual === 'string' && usual.length >= minLength;
  if (pattern !== undefined) {
    const right = new RegExp(pattern, 'u');
    for (const candidate of [usual, 'pantry', 'shelf']) {
      if (typeof candidate === 'string' && right.test(candidate)) return candidate;
    }
  }
  return fits ? usual : 'text'.padEnd(minLength, '.');
}

function exampleNumber({ minimum = 0, maximum = Number.MAX_SAFE_INTEGER }: JsonSchema, name: string): number {
  const usual = BY_NAME[name];
  return Math.max(minimum, Math.min(maximum, typeof usual === 'number' ? usual : 1));
}
