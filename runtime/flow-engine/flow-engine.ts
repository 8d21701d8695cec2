import type { Server } from 'node:http';
import type { LocalSettings } from '@node-red/runtime';
import type RED from 'node-red';
import type { NodeStatus } from 'node-red';
import { AppError } from '../contracts/errors.ts';
import type { Host, Log, Release } from '../contracts/host.ts';
import type { Part } from '../lib/part.ts';
import type { EditorAuth } from './editor-auth.ts';
import type { FlowElement } from './flow-files.ts';
import { type FlowState, stateOfRuntimeEvent } from './flow-state.ts';
import { type HttpHandler, methodsAt, mountable, refuseUrlTokens } from './http-mount.ts';
import type { AuditEntry } from './log-bridge.ts';
import { refuseMisplaced, refuseModules } from './placement.ts';
import { nodeRedSettings } from './settings.ts';
import { createFlowStorage, type FlowStorage, type FlowStorageOptions } from './storage.ts';
import { openUserFolder } from './user-folder.ts';

/** An engine that has said nothing for so long after its start will not say anything. */
const START_TIMEOUT_MS = 60_000;

export interface FlowEngineOptions {
  /** Node-RED's own folder: credentials, sessions, settings */
  userDir: string;
  /** one file a tab, in `server/` and `edge/` */
  flowsDir: string;
  /** our nodes, compiled */
  nodesDir: string;
  host: Host;
  log: Log;
  /** needed by the editor (WebSocket) and by http-in nodes */
  server?: Server;
  /** path of the editor (`/editor`) and who may use it; false: none */
  editor: { root: string; auth: EditorAuth } | false;
  /** path below which http-in nodes are reached; false: nowhere. Default `/` */
  httpNodeRoot?: string | false;
  /** leave out heavy nodes that the stored flows do not use, to save memory; what a later deploy needs of them takes a restart */
  slim?: boolean;
  unsafeNodes?: boolean;
  /** start with flows stopped; the text says why */
  safeMode?: string | undefined;
  /** in place of files, for tests and for a side that gets its flows by deployment */
  storage?: FlowStorage;
  onAudit?: (entry: AuditEntry) => void;
  /** looks at flows before they are saved, besides what is looked at here (FlowStorageOptions.check) */
  check?: FlowStorageOptions['check'];
}

export interface FlowEngine extends Part {
  /** The editor and its API, to be mounted at `editor.root`; no body parser may stand in front of it. */
  readonly httpAdmin: HttpHandler;
  /** The http-in nodes, to be mounted at `httpNodeRoot`; falls through for every other path. */
  readonly httpNode: HttpHandler;
  /** The methods, in lower case, that http-in nodes answer at a path of `httpNode`; none for a path of nobody's. */
  httpMethods(path: string): string[];
  state(): FlowState;
  onState(listen: (state: FlowState) => void): Release;
  getFlows(): Promise<{ flows: FlowElement[]; rev: string }>;
  /** Resolves once the new flows run. Throws `flow.invalid` when they are refused or name types that are not here. */
  deploy(flows: FlowElement[], by?: { user: string }): Promise<{ rev: string }>;
  /**
   * Reads the storage again and starts what is there in place of what runs; all nodes are made anew. `onEnded` is called when the old
   * ones have ended. Resolves once it is known whether the new flows run; throws where they cannot be read, and the old ones go on.
   */
  reload(onEnded?: () => void): Promise<void>;
  /**
   * Runs these flows in place of what runs, with these credentials (in clear, by node), and leaves alone what did not change: only new,
   * changed and removed nodes are touched, and those whose variables changed. Credentials count for new nodes only: with others
   * for a node that is there, `reload` is needed. `onEnded`, resolution and errors as with `reload`.
   */
  replace(flows: FlowElement[], credentials: Record<string, unknown>, onEnded?: () => void): Promise<void>;
  onNodeStatus(listen: (node: string, status: NodeStatus) => void): Release;
  nodeTypes(): string[];
}

let taken = false;

/**
 * Node-RED as a part of ours. One per process and not to be started twice: its modules are singletons, and a second `init` would
 * change the first one's settings without a word. `start` resolves once it is known whether flows run; a reason why not is a state,
 * not an error, since the editor must be there to mend it.
 */
export function createFlowEngine(options: FlowEngineOptions): FlowEngine {
  const { log } = options;
  let red: typeof RED | undefined;
  let current: FlowState = { state: 'stopped' };
  const stateListeners = new Set<(state: FlowState) => void>();
  const statusListeners = new Set<(node: string, status: NodeStatus) => void>();

  const setState = (next: FlowState) => {
    if (next.state === current.state && next.reason === current.reason) return;
    current = next;
    const fields = next.reason === undefined ? {} : { reason: next.reason };
    if (next.state === 'failed') log.error('flows do not run', fields);
    else log.info(`flows ${next.state}`, fields);
    for (const listen of [...stateListeners]) listen(next);
  };
  const running = () => {
    if (!red) throw new AppError('flows.stopped', 'the flow engine is not running');
    return red;
  };
  /** Waits for the next word on whether flows run, which `cause` brings about. */
  const outcomeOf = async <T>(cause: () => Promise<T>): Promise<T> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const listen = ({ state }: FlowState) => {
      if (state !== 'starting') resolve();
    };
    const cancel = options.host.clock.after(START_TIMEOUT_MS, () =>
      reject(new AppError('flows.stopped', `no word of the flows within ${START_TIMEOUT_MS / 1000} s`)),
    );
    stateListeners.add(listen);
    try {
      const result = await cause();
      await promise;
      return result;
    } finally {
      // Nobody may be waiting any more when `cause` itself failed.
      promise.catch(() => undefined);
      cancel();
      stateListeners.delete(listen);
    }
  };

  const storage =
    options.storage ??
    createFlowStorage({
      flowsDir: options.flowsDir,
      userDir: options.userDir,
      log,
      async check(flows, changed) {
        refuseUnknownTypes(flows, typesOf(running()));
        refuseMisplaced(flows, changed);
        refuseModules(flows, changed);
        await options.check?.(flows, changed);
      },
    });

  return {
    httpAdmin: (request, response, next) =>
      refuseUrlTokens(request, response, (error) => (error ? next(error) : admin(request, response, next))),
    httpNode: mountable(() => red?.httpNode as unknown as HttpHandler | undefined),
    httpMethods: (path) => methodsAt(red?.httpNode, path),
    state: () => current,
    onState: (listen) => subscribe(stateListeners, listen),
    onNodeStatus: (listen) => subscribe(statusListeners, listen),
    nodeTypes: () => typesOf(running()),

    async start() {
      if (taken) throw new AppError('internal.error', 'a process holds one flow engine, started once');
      taken = true;
      const { credentialSecret } = await openUserFolder(options.userDir);
      const { default: engine } = await import('node-red');
      const settings = nodeRedSettings({
        userDir: options.userDir,
        credentialSecret,
        nodesDir: options.nodesDir,
        host: options.host,
        log,
        storage,
        onAudit: options.onAudit ?? (() => undefined),
        editor: options.editor,
        httpNodeRoot: options.httpNodeRoot ?? '/',
        slim: options.slim ? { usedTypes: await storedTypes(storage) } : false,
        unsafeNodes: options.unsafeNodes ?? false,
        safeMode: options.safeMode !== undefined,
      });
      engine.init(options.server as Server, settings as unknown as LocalSettings);
      // Before `start`: it resolves ahead of the flows, and the events are not repeated.
      engine.events.on('flows:starting', () => setState({ state: 'starting' }));
      engine.events.on('flows:started', () => setState({ state: 'running' }));
      engine.events.on('runtime-event', (event: object) => {
        const next = stateOfRuntimeEvent(event, options.safeMode);
        if (next) setState(next);
      });
      engine.events.on('node-status', ({ id, status }: { id: string; status: NodeStatus }) => {
        for (const listen of statusListeners) listen(id, status);
      });
      red = engine;
      setState({ state: 'starting' });
      await outcomeOf(() => engine.start());
    },

    async stop() {
      if (!red) return;
      const engine = red;
      red = undefined;
      await engine.stop();
      setState({ state: 'stopped' });
    },

    async getFlows() {
      const { flows, rev } = (await running().runtime.flows.getFlows({})) as unknown as Awaited<
        ReturnType<FlowEngine['getFlows']>
      >;
      return { flows, rev };
    },

    async deploy(flows, by) {
      const engine = running();
      const call = { flows: { flows }, deploymentType: 'full', ...(by ? { user: { username: by.user } } : {}) };
      const set = async () => (await engine.runtime.flows.setFlows(call as never)) as unknown as { rev: string };
      const before = current;
      // Stopped by an operator they stay stopped; a safe start ends with the first deploy.
      if (before.state === 'stopped' && before.reason !== options.safeMode) return set();
      setState({ state: 'starting' });
      const result = await outcomeOf(async () => {
        try {
          return await set();
        } catch (error) {
          setState(before);
          throw error;
        }
      });
      if (current.state === 'failed') throw new AppError('flow.invalid', current.reason ?? 'the flows do not run');
      return { rev: result.rev };
    },

    reload: (onEnded) => exchange({ deploymentType: 'reload' }, onEnded),
    replace: (flows, credentials, onEnded) =>
      exchange({ flows: { flows, credentials }, deploymentType: 'nodes' }, onEnded),
  };

  /** Flows in place of those that run; what is asked of Node-RED says which nodes of them go on. */
  async function exchange(call: object, onEnded: () => void = () => undefined): Promise<void> {
    const engine = running();
    const before = current;
    setState({ state: 'starting' });
    engine.events.once('flows:stopped', onEnded);
    try {
      await outcomeOf(async () => {
        try {
          await engine.runtime.flows.setFlows(call as never);
        } catch (error) {
          setState(before);
          throw error;
        }
      });
    } finally {
      engine.events.off('flows:stopped', onEnded);
    }
  }

  function admin(
    request: Parameters<HttpHandler>[0],
    response: Parameters<HttpHandler>[1],
    next: Parameters<HttpHandler>[2],
  ) {
    mountable(() => (options.editor ? (red?.httpAdmin as unknown as HttpHandler | undefined) : undefined))(
      request,
      response,
      next,
    );
  }
}

/** One unknown type stops every flow of the process: better to refuse the deploy while the old flows run. */
function refuseUnknownTypes(flows: FlowElement[], known: string[]): void {
  const types = new Set([...known, 'tab', 'subflow', 'group', 'junction', ...flows.map(({ id }) => `subflow:${id}`)]);
  const unknown = [...new Set(flows.map((element) => element.type).filter((type) => !types.has(type)))];
  if (unknown.length === 0) return;
  throw new AppError(
    'flow.invalid',
    `this deploy would stop every flow: node types not available here: ${unknown.join(', ')}`,
  );
}

async function storedTypes(storage: FlowStorage): Promise<ReadonlySet<string>> {
  await storage.init();
  return new Set((await storage.getFlows()).map((element) => element.type));
}

function typesOf(engine: typeof RED): string[] {
  const nodes = engine.nodes as unknown as { getNodeList(): { types?: string[]; enabled?: boolean }[] };
  return nodes.getNodeList().flatMap((set) => (set.enabled === false ? [] : (set.types ?? [])));
}

function subscribe<T>(listeners: Set<T>, listen: T): Release {
  listeners.add(listen);
  return () => {
    listeners.delete(listen);
  };
}
