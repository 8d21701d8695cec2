/** What the corpus needs to know of one operation. */
export interface Operation {
  method: string;
  /** as `/api/v1/devices/{id}` */
  path: string;
  parameters: string[];
  query: string[];
  /** fields of the JSON body; none: it takes no body */
  fields: string[] | undefined;
  isOpen: boolean;
  isDeviceContract: boolean;
  /** answers without an end */
  isStream: boolean;
}

interface Document {
  paths: Record<string, Record<string, Described>>;
  components: { schemas: Record<string, Schema> };
}

interface Described {
  'x-role'?: string;
  tags?: string[];
  parameters?: { name: string; in: string }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Record<string, unknown> }>;
}

interface Schema {
  $ref?: string;
  properties?: Record<string, unknown>;
}

/** Every operation of an OpenAPI document, as our server publishes it. */
export function operationsOf(document: unknown): Operation[] {
  const { paths, components } = document as Document;
  const whole = (schema: Schema | undefined) =>
    schema?.$ref === undefined ? schema : components.schemas[schema.$ref.split('/').at(-1) ?? ''];
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => {
      const schema = whole(described.requestBody?.content['application/json']?.schema);
      const named = (where: string) => (described.parameters ?? []).filter((p) => p.in === where).map((p) => p.name);
      return {
        method: method.toUpperCase(),
        path,
        parameters: named('path'),
        query: named('query'),
        fields: described.requestBody && Object.keys(schema?.properties ?? {}),
        isOpen: described['x-role'] === 'open',
        isDeviceContract: described.tags?.includes('device contract') ?? false,
        isStream: Object.values(described.responses).some(({ content }) => content && 'text/event-stream' in content),
      };
    }),
  );
}
