import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import RED, { type NodeAPI, type NodeInitializer, type NodeStatus } from 'node-red';
import { staleBelow } from '../../runtime/cli/dist.ts';
import type { Host, Log } from '../../runtime/contracts/host.ts';
import { createFlowEngine, type FlowEngine } from '../../runtime/flow-engine/flow-engine.ts';
import type { FlowElement } from '../../runtime/flow-engine/flow-files.ts';
import type { FlowStorage } from '../../runtime/flow-engine/storage.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { temporaryFolder } from './folders.ts';
import { until } from './until.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const TAB = 'player-tab';
const SINK = 'player-sink';

export interface PlayedMessage {
  _msgid: string;
  topic?: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into messages of any flow
  [key: string]: any;
}

export interface Failure {
  node: string;
  code: string | undefined;
  message: string;
  /** the message it was about, when there was one */
  msg?: PlayedMessage;
}

export interface Player {
  /** Hands a message to a node, as if it came over a wire. */
  inject(node: string, msg?: Record<string, unknown>): void;
  /** The oldest message that left the node and was not asked for yet; waits for one. */
  next(node: string, options?: { port?: number; timeoutMs?: number }): Promise<PlayedMessage>;
  /** The oldest message that reached the node and was not asked for yet; waits for one. */
  nextArrival(node: string, timeoutMs?: number): Promise<PlayedMessage>;
  /** Everything that left the node so far. */
  sent(node: string, port?: number): PlayedMessage[];
  arrived(node: string): PlayedMessage[];
  status(node: string): NodeStatus | undefined;
  /** Waits until the node's status text is or matches this. */
  statusIs(node: string, text: string | RegExp): Promise<NodeStatus>;
  /** The oldest error of the node that was not asked for yet (from `done`, or told by the node); waits for one. */
  failure(node: string): Promise<Failure>;
  readonly failures: Failure[];
  readonly engine: FlowEngine;
  /** Ends the flow: all its nodes are closed when this resolves. */
  stop(): Promise<void>;
}

interface Played {
  sent: { node: string; port: number; msg: PlayedMessage; taken: boolean }[];
  arrived: { node: string; msg: PlayedMessage; taken: boolean }[];
  failures: (Failure & { taken?: boolean })[];
  statuses: Map<string, NodeStatus>;
}

let host: Host | undefined;
let record: Played = emptyRecord();
let engine: Promise<FlowEngine> | undefined;

// While the file loads, since no time limit of a test runs then.
buildIfOld();

after(async () => {
  if (engine) await (await engine).stop();
});

/**
 * Plays a flow (elements, or a JSON file below the project's root) in the real engine, headless, with compiled nodes and the given
 * host. One flow at a time: the engine is one per process, and the next flow replaces the one before. Built when dist/ is old.
 */
export async function playFlow(flow: FlowElement[] | string, options: { host: Host }): Promise<Player> {
  const elements =
    typeof flow === 'string' ? (JSON.parse(readFileSync(resolve(ROOT, flow), 'utf8')) as FlowElement[]) : flow;
  engine ??= startEngine();
  const running = await engine;
  await running.deploy([]);
  host = options.host;
  record = emptyRecord();
  await running.deploy(playable(elements));
  return playerOf(running, record);
}

/** Registers a node type made by the test itself; once per type and process. */
export async function registerTestNode(init: NodeInitializer): Promise<void> {
  engine ??= startEngine();
  await engine;
  const nodes = RED.nodes as unknown as NodeAPI['nodes'] & {
    registerType(set: string, type: string, made: unknown, options: unknown): void;
  };
  const api = {
    settings: RED.settings,
    nodes: {
      registerType: (type: string, made: unknown, opts: unknown) =>
        nodes.registerType(`test/${type}`, type, made, opts),
      createNode: nodes.createNode,
      getNode: nodes.getNode,
    },
  };
  await init(api as unknown as NodeAPI);
}

function playerOf(running: FlowEngine, mine: Played): Player {
  const nodeOf = (id: string) => {
    const node = (RED.nodes as unknown as NodeAPI['nodes']).getNode(id);
    if (!node) throw new Error(`the flow has no running node ${id}`);
    return node;
  };
  const take = async <T extends { taken?: boolean }>(
    what: string,
    list: T[],
    fits: (entry: T) => boolean,
    timeoutMs?: number,
  ) => {
    const entry = await until(what, () => list.find((one) => !one.taken && fits(one)), timeoutMs);
    entry.taken = true;
    return entry;
  };
  return {
    engine: running,
    failures: mine.failures,
    inject: (node, msg = {}) => nodeOf(node).receive({ ...msg }),
    next: async (node, { port = 0, timeoutMs } = {}) =>
      (await take(`a message from ${node}`, mine.sent, (one) => one.node === node && one.port === port, timeoutMs)).msg,
    nextArrival: async (node, timeoutMs) =>
      (await take(`a message at ${node}`, mine.arrived, (one) => one.node === node, timeoutMs)).msg,
    sent: (node, port = 0) => mine.sent.filter((one) => one.node === node && one.port === port).map((one) => one.msg),
    arrived: (node) => mine.arrived.filter((one) => one.node === node).map((one) => one.msg),
    status: (node) => mine.statuses.get(node),
    statusIs: (node, text) =>
      until(`status ${text} of ${node} (it is ${mine.statuses.get(node)?.text})`, () => {
        const status = mine.statuses.get(node);
        const is = typeof text === 'string' ? status?.text === text : text.test(status?.text ?? '');
        return is ? status : undefined;
      }),
    failure: (node) => take(`an error of ${node}`, mine.failures, (one) => one.node === node),
    async stop() {
      await running.deploy([]);
    },
  };
}

async function startEngine(): Promise<FlowEngine> {
  const userDir = await temporaryFolder('flow-player');
  // Settings are given once: the host behind them changes with every flow. A node keeps the one it was made with.
  const current = new Proxy({} as Host, {
    get: (_target, key) => (key === 'clock' && !host ? systemClock : Reflect.get(host ?? {}, key)),
    has: (_target, key) => key in (host ?? {}),
  });
  const made = createFlowEngine({
    userDir,
    flowsDir: userDir,
    nodesDir: join(ROOT, 'dist/nodes'),
    host: current,
    log: listeningLog(),
    editor: false,
    storage: memoryStorage(),
  });
  made.onNodeStatus((node, status) => record.statuses.set(node, status));
  await made.start();
  watchWires();
  return made;
}

function watchWires(): void {
  type SendEvent = { msg: PlayedMessage; source: { id: string; port: number } };
  RED.hooks.add('onSend.player', (events: unknown) => {
    const seen = new Set<string>();
    for (const { msg, source } of events as SendEvent[]) {
      const key = `${source.id} ${source.port} ${msg._msgid}`;
      // One message over several wires is one message.
      if (seen.has(key) && record.sent.some((one) => one.msg.payload === msg.payload)) continue;
      seen.add(key);
      record.sent.push({ node: source.id, port: source.port, msg: { ...msg }, taken: false });
    }
  });
  RED.hooks.add('onReceive.player', (event: unknown) => {
    const { msg, destination } = event as { msg: PlayedMessage; destination: { id: string } };
    record.arrived.push({ node: destination.id, msg: { ...msg }, taken: false });
  });
  RED.hooks.add('onComplete.player', (event: unknown) => {
    const { msg, error, node } = event as { msg: PlayedMessage; error?: unknown; node: { id: string } };
    if (error) record.failures.push({ node: node.id, ...wordsOf(error), msg: { ...msg } });
  });
}

/** Errors that a node tells outside of a message come by the log; those of a message have come by `onComplete` already. */
function listeningLog(): Log {
  const log: Log = {
    debug() {},
    info() {},
    warn() {},
    error(text, fields) {
      const node = fields?.node;
      if (typeof node !== 'string') return;
      const [, code, message] = /^(?:([a-z_]+\.[a-z_]+): )?(.*)$/s.exec(text) ?? [];
      const known = record.failures.some((one) => one.node === node && one.message === message);
      if (!known) record.failures.push({ node, code, message: message ?? text });
    },
    child: () => log,
  };
  return log;
}

function wordsOf(error: unknown): { code: string | undefined; message: string } {
  const { code, message } = error as { code?: string; message?: string };
  return { code, message: message ?? String(error) };
}

/** Gives every node a place, runs disabled tabs, and ends loose outputs in a sink: without a wire nothing is sent at all. */
function playable(elements: FlowElement[]): FlowElement[] {
  if (elements.length === 0) return [];
  const places = new Set(elements.filter(({ type }) => type === 'tab' || type === 'subflow').map(({ id }) => id));
  const sinks = new Set<string>();
  const placed = elements.map((element) => {
    if (element.type === 'tab') return { ...element, disabled: false };
    const wires = element.wires as string[][] | undefined;
    if (!wires || element.type === 'subflow') return element;
    const z = element.z && places.has(element.z) ? element.z : TAB;
    const loose = wires.some((port) => port.length === 0);
    if (loose || z === TAB) sinks.add(z);
    // Without coordinates the engine takes a node for a config node.
    return { x: 0, y: 0, ...element, z, wires: wires.map((port) => (port.length === 0 ? [`${SINK}-${z}`] : port)) };
  });
  const own = sinks.has(TAB) ? [{ id: TAB, type: 'tab', label: 'player' }] : [];
  return [
    ...own,
    ...placed,
    ...[...sinks].map((z) => ({ id: `${SINK}-${z}`, type: 'junction', z, x: 0, y: 0, wires: [[]] })),
  ];
}

function buildIfOld(): void {
  if (staleBelow(ROOT, ['nodes', 'runtime/contracts']).length === 0) return;
  spawnSync(process.execPath, [join(ROOT, 'runtime/cli/build.ts')], { cwd: ROOT, stdio: 'ignore' });
}

function memoryStorage(): FlowStorage {
  const nothing = async () => ({});
  const forget = async () => undefined;
  return {
    init: forget,
    getFlows: async () => [],
    saveFlows: forget,
    getCredentials: nothing,
    saveCredentials: forget,
    getSettings: nothing,
    saveSettings: forget,
    getSessions: nothing,
    saveSessions: forget,
    getLibraryEntry: async () => [],
    saveLibraryEntry: forget,
  };
}

function emptyRecord(): Played {
  return { sent: [], arrived: [], failures: [], statuses: new Map() };
}
