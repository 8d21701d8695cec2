import type { Static, TObject } from 'typebox';
import { parseFields } from './parse.ts';

/**
 * Makes a reader of what a message may set for itself: each field of the schema comes from the message, else from the node's
 * config, else from its default. Checked for every message; throws `message.invalid` naming the field and where it came from
 * (`msg.width must be <= 16384`).
 *
 *     const read = inputs(Type.Object({ camera: Type.String(), width: Type.Optional(Type.Integer({ minimum: 16 })) }));
 *     const { camera, width } = read(msg, config);
 */
export function inputs<S extends TObject>(
  schema: S,
): (msg: Readonly<Record<string, unknown>>, config?: Readonly<Record<string, unknown>>) => Static<S> {
  const names = Object.keys(schema.properties);
  return (msg, config = {}) => {
    const values: Record<string, unknown> = {};
    for (const name of names) values[name] = isSet(msg[name]) ? msg[name] : config[name];
    const fromMessage = (field: string) => isSet(msg[field.split('.')[0] ?? '']);
    return parseFields(schema, values, 'message.invalid', (field) => (fromMessage(field) ? 'msg.' : ''));
  };
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}
