import type { ServerUnderTest } from './servers.ts';

/** What came back. */
export interface Came {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers of many shapes, each looked at where it is expected
  json: any;
  bytes: Buffer;
  headers: Headers;
}

/** Asks a server as clients of other systems do. */
export interface DialectClient {
  /** A form is sent as one, anything else as JSON. As the administrator unless `bearer` says otherwise; null: as nobody. */
  ask(method: string, path: string, options?: { body?: unknown; bearer?: string | null }): Promise<Came>;
  /** As nobody. */
  plain(method: string, path: string): Promise<Came>;
}

/** A client of that server; it logs in once. */
export async function dialectClient(server: ServerUnderTest): Promise<DialectClient> {
  const token = await server.api.token();
  const client: DialectClient = {
    async ask(method, path, { body, bearer = token } = {}) {
      const isForm = body instanceof FormData;
      const response = await fetch(server.url + path, {
        method,
        redirect: 'manual',
        headers: {
          ...(bearer !== null && { Authorization: `Bearer ${bearer}` }),
          ...(body !== undefined && !isForm && { 'Content-Type': 'application/json' }),
        },
        ...(body !== undefined && { body: isForm ? body : JSON.stringify(body) }),
      });
      const bytes = Buffer.from(await response.arrayBuffer());
      const isJson = response.headers.get('content-type')?.includes('json');
      const json = isJson && bytes.length > 0 ? JSON.parse(bytes.toString()) : undefined;
      return { status: response.status, json, bytes, headers: response.headers };
    },
    plain: (method, path) => client.ask(method, path, { bearer: null }),
  };
  return client;
}
