import type { Clock } from '../../contracts/host.ts';
import type { FlowElement } from '../../flow-engine/flow-files.ts';
import { activeBundle, type PlanParts } from './plan.ts';
import { flowsSaidBy, type RunningFlowsParts } from './running-flows.ts';

/** So many devices are asked at a time; of more, what they run stays unknown. */
const MAX_ASKED = 10;
/** Whoever deploys does not wait for longer than this on a device that says nothing. */
const PATIENCE_MS = 3000;

export type FlowsBeforeParts = PlanParts & Pick<RunningFlowsParts, 'askFlows'> & { clock: Clock };

/**
 * Tells what devices run before something is sent to them: what a deployment brought last, else what the device says when it is asked (the
 * tabs that it was shipped with, mostly). Undefined where neither is known: it is away, does not answer, or too many were asked already.
 */
export function flowsBefore(parts: FlowsBeforeParts): (device: string) => Promise<readonly FlowElement[] | undefined> {
  let asked = 0;
  return async (device) => {
    const bundle = await activeBundle(parts, device, Number.MAX_SAFE_INTEGER);
    if (bundle?.content.flows) return bundle.content.flows as FlowElement[];
    asked += 1;
    if (asked > MAX_ASKED) return undefined;
    const over = new AbortController();
    const late = parts.clock.sleep(PATIENCE_MS, over.signal).catch(() => undefined);
    try {
      const said = flowsSaidBy(parts, device).then(
        ({ flows }) => flows,
        // It is away, or does not know the question: nothing is known of it.
        () => undefined,
      );
      return (await Promise.race([said, late])) ?? undefined;
    } finally {
      over.abort();
    }
  };
}
