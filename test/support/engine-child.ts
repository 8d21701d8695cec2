import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { type WebSocket, WebSocketServer } from 'ws';
import type { EditorUser } from '../../runtime/flow-engine/editor-auth.ts';
import { createFlowEngine } from '../../runtime/flow-engine/flow-engine.ts';
import type { FlowElement } from '../../runtime/flow-engine/flow-files.ts';
import { createLog } from '../../runtime/lib/log.ts';
import type { EngineCommand, EngineOptions } from './engine-process.ts';
import { FakeHost } from './fake-host.ts';

/**
 * A process with a flow engine in an Express 5 host, as the server has it, driven over IPC by `engine-process.ts`: Node-RED is one per
 * process, so every start in a test needs a process of its own.
 */
const options = JSON.parse(process.argv[2] ?? '{}') as EngineOptions;
const log = createLog({ level: options.logLevel ?? 'silent' });
const users = new Map<string, EditorUser & { password: string }>([
  ['admin', { name: 'admin', password: 'correct horse', mayEditFlows: true }],
  ['viewer', { name: 'viewer', password: 'correct horse', mayEditFlows: false }],
]);
const audit: unknown[] = [];
const statuses: Record<string, unknown> = {};

const app = express();
const server = createServer(app);
const engine = createFlowEngine({
  ...options,
  host: new FakeHost({ side: options.side ?? 'server' }).host,
  log,
  server,
  editor: options.editor === false ? false : { root: '/editor', auth: auth() },
  onAudit: (entry) => audit.push(entry),
});
engine.onNodeStatus((node, status) => {
  statuses[node] = status;
});

// As in the product: parsers stand beside Node-RED, at the routes that want them.
app.post('/api/echo', express.json(), (request, response) => {
  response.json(request.body);
});
app.use('/editor', engine.httpAdmin);
app.use('/', engine.httpNode);
app.get('/after', (request, response) => {
  response.status(202).json({ query: request.query, secure: request.secure });
});
app.use((_request, response) => {
  response.status(404).json({ code: 'route.not_found' });
});

const sockets = new WebSocketServer({ noServer: true });
server.on('upgrade', (request, socket, head) => {
  if (request.url !== '/mqtt') return;
  sockets.handleUpgrade(request, socket, head, (ws: WebSocket) => ws.on('message', (data) => ws.send(`echo ${data}`)));
});

process.on('message', async ({ n, name, args }: EngineCommand) => {
  try {
    process.send?.({ n, result: await commands[name]?.(...args) });
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    process.send?.({ n, error: { message, code } });
  }
});
process.on('disconnect', () => process.exit(0));

const commands: Record<string, (...args: never[]) => unknown> = {
  state: () => engine.state(),
  flows: () => engine.getFlows(),
  deploy: (flows: FlowElement[]) => engine.deploy(flows),
  start: () => engine.start(),
  stop: () => engine.stop(),
  audit: () => audit,
  statuses: () => statuses,
  types: () => engine.nodeTypes(),
  memory: () => process.memoryUsage.rss(),
  grant: (name: string, mayEditFlows: boolean) => {
    const user = users.get(name);
    if (user) user.mayEditFlows = mayEditFlows;
  },
};

server.listen(0, '127.0.0.1', async () => {
  const began = performance.now();
  await engine.start();
  const { port } = server.address() as AddressInfo;
  process.send?.({ ready: { url: `http://127.0.0.1:${port}`, startMs: performance.now() - began } });
});

function auth() {
  return {
    authenticate: async (name: string, password: string) => {
      const user = users.get(name);
      return user?.password === password ? user : undefined;
    },
    userOf: async (name: string) => users.get(name),
    userOfToken: async (token: string) => (token === 'our-own-token' ? users.get('admin') : undefined),
  };
}
