/**
 * Node's HTTP modules for processes that are to start fast and stay small. An `import` of them looks at every name they have, and a few of those
 * bring a whole second HTTP client along (undici): 10 MB resident on Node 24, and 0.1 s of work. These are the same modules without that look.
 */
export const {
  Agent: HttpAgent,
  createServer,
  request: requestHttp,
  STATUS_CODES,
} = process.getBuiltinModule('node:http');

/** The module for HTTP over TLS: 5 MB resident, so it is loaded by the first who needs it. */
export function tlsHttp(): typeof import('node:https') {
  return process.getBuiltinModule('node:https');
}
