import type { openApi } from '../http/openapi.ts';

type Document = ReturnType<typeof openApi>;

interface Schema {
  $ref?: string;
  type?: string;
  const?: unknown;
  enum?: readonly unknown[];
  anyOf?: readonly Schema[];
  items?: Schema | readonly Schema[];
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  required?: readonly string[];
  description?: string;
}

interface Operation {
  operationId: string;
  summary: string;
  security: readonly Record<string, unknown>[];
  parameters?: { name: string; in: string; schema: Schema }[];
  requestBody?: { required: boolean; content: Record<string, { schema: Schema }> };
  responses: Record<string, { content?: Record<string, { schema?: Schema }> }>;
}

const HEAD = '// Made from the OpenAPI document by `npm run docs`; do not edit.\n';

/**
 * The typed client as sources, by file name: `shapes.ts` has the document's schemas as types, `client.ts` a function for each JSON
 * operation and an address for each picture. How a request travels is left to whoever uses it.
 */
export function clientSources(document: Document): Record<string, string> {
  const shapes = Object.entries(document.components.schemas).map(
    ([name, schema]) => `export type ${name} = ${typeOf(schema as Schema)};\n`,
  );
  return { 'shapes.ts': `${HEAD}\n${shapes.join('\n')}`, 'client.ts': clientSource(document) };
}

function clientSource(document: Document): string {
  const functions: string[] = [];
  const addresses: string[] = [];
  const used = new Set<string>();
  const names = new Set<string>();
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, described] of Object.entries(methods)) {
      const operation = described as Operation;
      if (!isForClients(path, method, operation)) continue;
      if (names.has(operation.operationId)) throw new Error(`two operations are called ${operation.operationId}`);
      names.add(operation.operationId);
      const picture = producesOther(operation);
      if (picture) addresses.push(addressLine(path, operation));
      else functions.push(functionLines(path, method, operation, used));
    }
  }
  return `${HEAD}import type {\n${[...used]
    .sort()
    .map((name) => `  ${name},\n`)
    .join('')}} from './shapes.ts';

/** One request, for whoever carries it: \`path\` is below the server's own address, without a slash before it. */
export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: object;
  body?: unknown;
  options?: CallOptions;
}

export interface CallOptions {
  signal?: AbortSignal;
  /** a repetition with the same key creates nothing new; only where the API says so */
  idempotencyKey?: string;
}

/** Sends a request with the caller's credential and answers the parsed body; throws what it makes of a refusal. */
export type Send = <T>(call: Call) => Promise<T>;

const part = (value: string | number) => encodeURIComponent(value);

/** Every operation of the API, by its name in the document. */
export function createClient(send: Send) {
  return {
${functions.join('\n')}  };
}

/** Where what is not JSON lies. */
export const addresses = {
${addresses.join('')}};
`;
}

/** What a program with a user's credential asks for; devices and players have clients of their own. */
function isForClients(path: string, method: string, operation: Operation): boolean {
  const { operationId, security, responses, requestBody } = operation;
  const isUsers = security.length === 0 || security.some((one) => 'bearer' in one);
  const isJson = !requestBody || 'application/json' in requestBody.content;
  const isOwn = method !== 'options' && !path.includes('{secret}');
  return (
    isOwn &&
    operationId !== undefined &&
    isUsers &&
    isJson &&
    Object.keys(responses).some((status) => /^2/.test(status))
  );
}

function goodAnswer({ responses }: Operation) {
  return Object.entries(responses).find(([status]) => /^2/.test(status));
}

function producesOther(operation: Operation): boolean {
  const types = Object.keys(goodAnswer(operation)?.[1].content ?? {});
  return types.length > 0 && !types.includes('application/json');
}

function template(path: string): string {
  const filled = path.replace(/^\//, '').replace(/\{(\w+)\}/g, (_whole, name: string) => `\${part(${name})}`);
  return filled.includes('${') ? `\`${filled}\`` : `'${filled}'`;
}

function pathParameters({ parameters = [] }: Operation): string[] {
  return parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => `${name}: string | number`);
}

function addressLine(path: string, operation: Operation): string {
  const name = operation.operationId.replace(/^get/, '');
  const own = name.charAt(0).toLowerCase() + name.slice(1);
  return `  /** ${operation.summary} */\n  ${own}: (${pathParameters(operation).join(', ')}) => ${template(path)},\n`;
}

function functionLines(path: string, method: string, operation: Operation, used: Set<string>): string {
  const { parameters = [], requestBody, operationId, summary } = operation;
  const query = parameters.filter((parameter) => parameter.in === 'query');
  const body = requestBody?.content['application/json']?.schema;
  const schema = goodAnswer(operation)?.[1].content?.['application/json']?.schema;
  const [status] = goodAnswer(operation) ?? [];
  const answer = schema ? typeOf(schema, used) : status === '204' ? 'void' : 'unknown';
  const args = pathParameters(operation);
  const call = [`method: '${method.toUpperCase()}'`, `path: ${template(path)}`];
  if (body) {
    args.push(`body: ${typeOf(body, used)}${requestBody?.required ? '' : ' = {}'}`);
    call.push('body');
  }
  if (query.length > 0) {
    const fields = query.map(({ name, schema: one }) => `${name}?: ${typeOf(one, used)} | undefined`);
    args.push(`query: { ${fields.join('; ')} } = {}`);
    call.push('query');
  }
  args.push('options?: CallOptions');
  call.push('options');
  return `    /** ${summary} */\n    ${operationId}: (${args.join(', ')}) =>\n      send<${answer}>({ ${call.join(', ')} }),\n`;
}

/** The TypeScript type of a JSON Schema, as far as our documents use it. */
function typeOf(schema: Schema, used = new Set<string>(), indent = ''): string {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? '';
    used.add(name);
    return name;
  }
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(' | ');
  if (schema.anyOf) return schema.anyOf.map((one) => typeOf(one, used, indent)).join(' | ');
  if (schema.type === 'array') return arrayOf(schema, used, indent);
  if (schema.type === 'object') return objectOf(schema, used, indent);
  if (schema.type === 'integer' || schema.type === 'number') return 'number';
  if (schema.type === 'string' || schema.type === 'boolean' || schema.type === 'null') return schema.type;
  return 'unknown';
}

function arrayOf({ items }: Schema, used: Set<string>, indent: string): string {
  if (items === undefined) return 'unknown[]';
  if (isList(items)) return `[${items.map((one) => typeOf(one, used, indent)).join(', ')}]`;
  const one = typeOf(items, used, indent);
  return /[ |]/.test(one) && !one.startsWith('{') ? `(${one})[]` : `${one}[]`;
}

function isList(items: Schema | readonly Schema[]): items is readonly Schema[] {
  return Array.isArray(items);
}

function objectOf(schema: Schema, used: Set<string>, indent: string): string {
  const { properties, patternProperties, required = [] } = schema;
  if (!properties) {
    const [values] = Object.values(patternProperties ?? {});
    return `Record<string, ${values ? typeOf(values, used, indent) : 'unknown'}>`;
  }
  const inner = `${indent}  `;
  const lines = Object.entries(properties).map(([name, one]) => {
    const about = one.description ? `${inner}/** ${one.description} */\n` : '';
    const key = /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name);
    return `${about}${inner}${key}${required.includes(name) ? '' : '?'}: ${typeOf(one, used, inner)};\n`;
  });
  return lines.length === 0 ? 'Record<string, never>' : `{\n${lines.join('')}${indent}}`;
}
