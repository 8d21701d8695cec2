import type { Node, NodeAPI, NodeDef } from 'node-red';
import type { Static, TObject } from 'typebox';
import { AppError } from '../../runtime/contracts/errors.ts';
import { HOST_OFFERED, type Host, type Log, type OfferedHost } from '../../runtime/contracts/host.ts';
import { type NodeType, runsOn, type Side } from '../../runtime/contracts/node-types.ts';
import { reportFailure } from './failure.ts';
import type { RedeyeMessage } from './messages.ts';
import { type ConfigShape, checkShape, readSavedConfig } from './saved-config.ts';
import { createStatusLine, type StatusLine } from './status.ts';

/** A message for the only output, or one entry per output (null: nothing there). */
export type Send = (msg: RedeyeMessage | (RedeyeMessage | null)[]) => void;

/** Everything a node works with. */
export interface NodeContext<Config, Secret extends string = never> {
  /** parsed, with defaults; as it was at Deploy */
  readonly config: Readonly<Config>;
  readonly credentials: Readonly<Partial<Record<Secret, string>>>;
  readonly host: Host;
  readonly log: Log;
  readonly status: StatusLine;
  /** aborted when the node closes: hand it to whatever may take long */
  readonly signal: AbortSignal;
  readonly node: Node;
  /** sends a message that no input caused; nothing leaves a closed node */
  readonly send: Send;
  /** Shows a failure that no input caused as status; with the message it was about, `catch` nodes get it too. */
  fail(error: unknown, about?: RedeyeMessage): void;
  /** Config of another node, of that type and in order; undefined otherwise. */
  configOf<C>(id: string, type: NodeType): Readonly<C> | undefined;
}

export interface Behaviour {
  /** One message. What it throws goes to `done`, `catch` nodes and the status; a message is done when it returns or resolves. */
  onInput?(msg: RedeyeMessage, send: Send): Promise<void> | void;
  /** Gives back what `setup` acquired; `removed` tells a deleted node from one that is only restarted. */
  onClose?(removed: boolean): Promise<void> | void;
}

export interface NodeSpec<S extends TObject, Secret extends string = never> {
  type: NodeType;
  /** what the node's `config.ts` exports: `import * as shape from './config.ts'` */
  shape: ConfigShape<S>;
  /** fields that are kept encrypted, apart from the flow */
  credentials?: Record<Secret, 'text' | 'password'>;
  /** Called once per node at Deploy. May throw: the node then stays, red, and says why. */
  setup(context: NodeContext<Static<S>, Secret>): Behaviour | undefined;
}

const configs = new WeakMap<object, { type: string; config: unknown }>();

/**
 * Makes a Node-RED node of a few lines. It owns config (upgrades, defaults, check), errors (to `done`, with their code), status and
 * closing; on a side where the type does not run the node is inert and says where it would.
 *
 *     export default (RED: NodeAPI) =>
 *       defineNode(RED, {
 *         type: 'camera-capture',
 *         shape,
 *         setup: ({ config, host, status, signal }) => ({
 *           async onInput(msg, send) {
 *             const { camera } = read(msg, config);
 *             const still = await host.cameras.capture(host.cameras.resolve(camera), {}, signal);
 *             status.counted();
 *             send({ ...msg, payload: still.jpeg });
 *           },
 *         }),
 *       });
 */
export function defineNode<S extends TObject, Secret extends string = never>(
  RED: NodeAPI,
  spec: NodeSpec<S, Secret>,
): void {
  checkShape(spec.type, spec.shape);
  const options = spec.credentials ? { credentials: credentialTypes(spec.credentials) } : {};
  RED.nodes.registerType<Node, NodeDef, Record<string, never>, Record<string, string>>(
    spec.type,
    function (this: Node, definition: NodeDef) {
      RED.nodes.createNode(this, definition);
      build(RED, spec, this, definition);
    },
    options,
  );
}

/** A part of the host that this side may lack; throws `host.not_here`, which `defineNode` turns into a grey status. */
export function partOf<K extends keyof Host>(host: Host, name: K): NonNullable<Host[K]> {
  const part = host[name];
  if (part === undefined) throw new AppError('host.not_here', `${name} is not available on this side`, { part: name });
  return part as NonNullable<Host[K]>;
}

function build<S extends TObject, Secret extends string>(
  RED: NodeAPI,
  spec: NodeSpec<S, Secret>,
  node: Node,
  definition: NodeDef,
): void {
  const host = (RED.settings as { redeye?: Host }).redeye ?? (globalThis as OfferedHost)[HOST_OFFERED];
  if (!host) {
    inert(node, 'runs inside Redeye only');
    return;
  }
  if (!runsOn(spec.type, host.side)) {
    inert(node, `runs on the ${otherSide(host.side)} only`);
    return;
  }
  const status = createStatusLine({ show: (shown) => node.status(shown), clock: host.clock });
  const log = host.log.child(spec.type);
  const closing = new AbortController();
  const failing = { node, status, log, signal: closing.signal };
  const raise = (error: unknown, about?: RedeyeMessage) => {
    const shown = reportFailure(failing, error);
    if (shown) node.error(shown, about);
  };
  let behaviour: Behaviour = {};
  try {
    const config = Object.freeze(readSavedConfig(spec.shape, definition as unknown as Record<string, unknown>));
    configs.set(node, { type: spec.type, config });
    behaviour =
      spec.setup({
        config,
        credentials: (node.credentials ?? {}) as Partial<Record<Secret, string>>,
        host,
        log,
        status,
        signal: closing.signal,
        node,
        send: (msg) => {
          if (!closing.signal.aborted) node.send(msg);
        },
        fail: raise,
        configOf: <C>(id: string, type: NodeType) => {
          const other = RED.nodes.getNode(id);
          const known = other ? configs.get(other) : undefined;
          return known?.type === type ? (known.config as Readonly<C>) : undefined;
        },
      }) ?? {};
  } catch (error) {
    if (error instanceof AppError && error.code === 'host.not_here') {
      status.close();
      inert(node, error.message);
      return;
    }
    raise(error);
    behaviour = {
      onInput() {
        throw error;
      },
    };
  }

  const { onInput, onClose } = behaviour;
  if (onInput) {
    node.on('input', (msg, send, done) => {
      // One microtask later, so that a plain throw and a rejection take the same way.
      Promise.resolve()
        .then(() => onInput(msg as RedeyeMessage, send))
        .then(
          () => {
            status.recovered();
            done();
          },
          (error: unknown) => done(reportFailure(failing, error)),
        );
    });
  }
  node.on('close', (removed: boolean, done: () => void) => {
    closing.abort(new AppError('flows.stopped', 'the node was closed'));
    status.close();
    Promise.resolve()
      .then(() => onClose?.(removed))
      .catch((error: unknown) => log.error('node did not close cleanly', { node: node.id, error }))
      .then(done);
  });
}

/** A node that cannot work here takes messages, does nothing and says so. */
function inert(node: Node, why: string): void {
  node.status({ fill: 'grey', shape: 'ring', text: why });
  node.on('input', (_msg, _send, done) => done());
}

function otherSide(side: Side): Side {
  return side === 'server' ? 'edge' : 'server';
}

function credentialTypes(kinds: Record<string, 'text' | 'password'>) {
  return Object.fromEntries(Object.entries(kinds).map(([name, type]) => [name, { type }]));
}
