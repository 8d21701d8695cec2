import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { Static, TObject } from 'typebox';
import { AppError, type ErrorCode } from '../../runtime/contracts/errors.ts';

// Forms save numbers as text, hence the coercion. One compiled check per schema, however many nodes of a type there are. The schemas are
// ours and typed: nobody has to check them at each start.
const ajv = new Ajv({ allErrors: false, strict: false, useDefaults: true, coerceTypes: true, validateSchema: false });
const compiled = new WeakMap<TObject, ValidateFunction>();

/**
 * Picks the schema's fields out of `values` and answers them typed, with defaults filled in and numbers or booleans made from their
 * text. A blank field that is not a text counts as not set. Never changes what it was given. Throws an AppError with `code` whose
 * message and `details.field` name the field; `prefix` is put before its name (`msg.`).
 */
export function parseFields<S extends TObject>(
  schema: S,
  values: Record<string, unknown>,
  code: ErrorCode,
  prefix: (field: string) => string = () => '',
): Static<S> {
  const picked: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(schema.properties)) {
    const value = values[name];
    if (value === undefined || value === null) continue;
    if (value === '' && !takesBlank(property as { type?: string; enum?: unknown[] })) continue;
    // Objects are copied: the coercion writes in place, and saved configs and messages are not ours.
    picked[name] = isPlain(value) ? structuredClone(value) : value;
  }
  const check = checkOf(schema);
  if (check(picked)) return picked as Static<S>;
  const { field, message } = explain(check.errors?.[0]);
  throw new AppError(code, `${prefix(field)}${message}`, { field: `${prefix(field)}${field}` });
}

/** A text may be blank, and a choice may have blank among its names. */
function takesBlank(property: { type?: string; enum?: unknown[] }): boolean {
  return property.type === 'string' || (property.enum?.includes('') ?? false);
}

function checkOf(schema: TObject): ValidateFunction {
  const known = compiled.get(schema);
  if (known) return known;
  const check = ajv.compile(schema);
  compiled.set(schema, check);
  return check;
}

function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}

function explain(error: ErrorObject | null | undefined): { field: string; message: string } {
  if (!error) return { field: '', message: 'not valid' };
  const path = error.instancePath.slice(1).replaceAll('/', '.');
  const params = error.params as Record<string, unknown>;
  if (error.keyword === 'required') {
    const missing = String(params.missingProperty);
    const field = path ? `${path}.${missing}` : missing;
    return { field, message: `${field} is missing` };
  }
  if (error.keyword === 'enum') {
    return { field: path, message: `${path} must be one of ${(params.allowedValues as unknown[]).join(', ')}` };
  }
  return { field: path, message: `${path} ${error.message ?? 'is not valid'}` };
}
