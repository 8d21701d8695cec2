import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';
import type { Static, TSchema } from 'typebox';
import { AppError, type ErrorCode } from '../contracts/errors.ts';

// Every schema is ours and typed: to check them as well would take longer than all else that is done with them at a start.
const ajv = new Ajv({ allErrors: false, strict: false, useDefaults: true, validateSchema: false });
// The package is CommonJS: under NodeNext its callable default hides one level down.
formats.default(ajv);

/**
 * Makes a parser from a schema: it answers the typed value, or throws an AppError whose `field` names what is wrong and
 * whose message says what is allowed. Defaults of the schema are filled in (in place). The schema is compiled at the first value.
 */
export function parser<S extends TSchema>(schema: S, code: ErrorCode = 'request.invalid') {
  let check: ValidateFunction | undefined;
  return (value: unknown): Static<S> => {
    check ??= ajv.compile(schema);
    if (check(value)) return value as Static<S>;
    const { field, message } = explain(check.errors?.[0]);
    throw new AppError(code, message, { field });
  };
}

/** Says in words which field a schema error is about and what is allowed there. */
export function explain(error: ErrorObject | null | undefined): { field: string; message: string } {
  if (!error) return { field: '', message: 'not valid' };
  const path = error.instancePath.slice(1).replaceAll('/', '.');
  const params = error.params as Record<string, unknown>;
  const inside = (name: unknown) => (path ? `${path}.${String(name)}` : String(name));
  if (error.keyword === 'required') {
    const field = inside(params.missingProperty);
    return { field, message: `${field} is missing` };
  }
  if (error.keyword === 'additionalProperties') {
    const field = inside(params.additionalProperty);
    return { field, message: `${field} is not a known field` };
  }
  const field = path || 'body';
  if (error.keyword === 'enum') {
    return { field, message: `${field} must be one of ${(params.allowedValues as unknown[]).join(', ')}` };
  }
  if (error.keyword === 'const') return { field, message: `${field} must be ${JSON.stringify(params.allowedValue)}` };
  return { field, message: `${field} ${error.message ?? 'is not valid'}` };
}
