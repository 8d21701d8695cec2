/**
 * Node's HTTP modules for processes that are to stay small. An `import` of them looks at every name they have, and a few of those
 * bring a whole second HTTP client along (undici): 10 MB resident on Node 24. These are the same modules without that look.
 */
export const {
  Agent: HttpAgent,
  createServer,
  request: requestHttp,
  STATUS_CODES,
} = process.getBuiltinModule('node:http');
export const { Agent: HttpsAgent, request: requestHttps } = process.getBuiltinModule('node:https');
