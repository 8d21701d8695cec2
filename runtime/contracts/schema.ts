import { type TProperties, type TSchema, Type } from 'typebox';

/** Pieces of which shapes are made. A shape with a `title` is known by that name in the API's document and in the client made from it. */
export function nullable<S extends TSchema>(schema: S, options: { description?: string } = {}) {
  return Type.Union([schema, Type.Null()], options);
}

/** RFC 3339 in UTC with milliseconds. */
export function time() {
  return Type.String({ format: 'date-time', examples: ['2026-11-20T12:00:00.000Z'] });
}

/** An object whose fields nobody fixes. */
export function anything() {
  return Type.Record(Type.String(), Type.Unknown());
}

/** A list of our own API: newest first; `next` goes into `?cursor=`. */
export function pageOf<P extends TProperties>(schema: ReturnType<typeof Type.Object<P>>) {
  const { title = 'Any' } = schema as { title?: string };
  return Type.Object(
    { items: Type.Array(schema), next: nullable(Type.String(), { description: 'null at the end' }) },
    { title: `${title}Page` },
  );
}
