import { isDeepStrictEqual } from 'node:util';
import { getHeapStatistics } from 'node:v8';
import type { FlowEngine } from '../../runtime/flow-engine/flow-engine.ts';
import { STRUCTURE_TYPES } from '../../runtime/flow-engine/flow-files.ts';
import type { FlowLoad, SwitchFromChild } from '../ipc.ts';
import type { SwitchMessage } from './agent-port.ts';
import type { StartErrors } from './start-errors.ts';

/** A process that has filled more than this share of what it may is left to its end: new flows are not to pay for old ones. */
const FULL = 0.75;
const MB = 1024 * 1024;

export interface FlowSwitchOptions {
  engine: Pick<FlowEngine, 'state' | 'nodeTypes' | 'reload' | 'replace'>;
  startErrors: Pick<StartErrors, 'beginAnew'>;
  /** what the process was told to run last */
  current: () => Promise<FlowLoad>;
  /** from now on the process is to run this */
  take: (load: FlowLoad) => void;
  send: (message: SwitchFromChild) => void;
  /** resident, what probation allows */
  maxRssMb: number;
  /** how much of the heap and of the resident memory is in use, 0 to 1 each */
  memory?: (maxRssMb: number) => { heap: number; rss: number };
}

/**
 * Other flows in the running process. Nodes that did not change live on, so a camera that nobody touched goes on bringing pictures; where
 * that cannot be known (the shipped flows ran, a node has other credentials) all are made anew. Refused where it takes a new
 * process: flows that do not run, a node that this process has not loaded, memory that is nearly used up.
 */
export class FlowSwitch {
  readonly #options: FlowSwitchOptions;

  constructor(options: FlowSwitchOptions) {
    this.#options = options;
  }

  /** Answers by `send`, once. */
  async hear({ type: _type, n, ...load }: SwitchMessage): Promise<void> {
    const { current, engine, send, startErrors, take } = this.#options;
    const reason = this.#obstacle(load);
    if (reason !== undefined) {
      send({ type: 'switch-refusal', n, reason });
      return;
    }
    let isAnswered = false;
    const answer = () => {
      isAnswered = true;
      startErrors.beginAnew();
      send({ type: 'switch-answer', n });
    };
    const before = await current();
    take(load);
    try {
      const { flows, credentials } = load;
      if (flows && credentials && credentialsStay(before, load)) await engine.replace(flows, credentials, answer);
      else await engine.reload(answer);
    } catch (error) {
      // Later than that the probation finds that nothing runs.
      if (!isAnswered)
        send({ type: 'switch-refusal', n, reason: error instanceof Error ? error.message : String(error) });
    }
  }

  #obstacle({ flows }: FlowLoad): string | undefined {
    const { engine, maxRssMb, memory = memoryInUse } = this.#options;
    const { state } = engine.state();
    if (state !== 'running') return `the flows here are ${state}`;
    if (flows === null) return 'the shipped flows are read at a start';
    const there = new Set<string>([...engine.nodeTypes(), ...STRUCTURE_TYPES]);
    for (const { id, type } of flows) if (type === 'subflow') there.add(`subflow:${id}`);
    const missing = flows.find(({ type }) => !there.has(type));
    if (missing) return `type ${missing.type} was left out at the start of this process`;
    const { heap, rss } = memory(maxRssMb);
    if (heap > FULL || rss > FULL) return `${Math.round(Math.max(heap, rss) * 100)} % of the memory is in use`;
    return undefined;
  }
}

/** Whether every node that is in both has the credentials that it had: Node-RED does not look at them when it looks for changes. */
function credentialsStay(before: FlowLoad, after: FlowLoad): boolean {
  if (!before.flows || !before.credentials) return false;
  const there = new Set(before.flows.map(({ id }) => id));
  return (after.flows ?? []).every(
    ({ id }) => !there.has(id) || isDeepStrictEqual(before.credentials?.[id], after.credentials?.[id]),
  );
}

function memoryInUse(maxRssMb: number): { heap: number; rss: number } {
  const { heap_size_limit, used_heap_size } = getHeapStatistics();
  return { heap: used_heap_size / heap_size_limit, rss: process.memoryUsage.rss() / (maxRssMb * MB) };
}
