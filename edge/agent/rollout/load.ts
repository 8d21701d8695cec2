import { VARIABLES_NODE } from '../../../runtime/contracts/deployments.ts';
import type { FlowElement } from '../../../runtime/flow-engine/flow-files.ts';
import type { FlowLoad } from '../../ipc.ts';
import { SAFE_FLOWS } from './safe-flows.ts';
import type { SealingKey } from './sealing-key.ts';
import type { Loaded } from './slots.ts';

/** What the flow process is told to run. `flows: null` means what the device was shipped with. */
export function loadOf({ slot, bundle }: Loaded, sealing: SealingKey): FlowLoad {
  if (slot === 'safe') return { slot, flows: SAFE_FLOWS, credentials: {} };
  if (!bundle || bundle.content.flows === null) return { slot, flows: null, credentials: null };
  const env = Object.entries(bundle.content.env).map(([name, value]) => ({ name, value, type: 'str' }));
  const flows = bundle.content.flows as FlowElement[];
  return { slot, flows: withEnv(flows, env), credentials: sealing.credentialsOf(bundle) ?? {} };
}

/** Variables for all tabs are a node of Node-RED's own; the process's environment is none of a flow's business. */
function withEnv(flows: FlowElement[], env: { name: string; value: string; type: string }[]): FlowElement[] {
  if (env.length === 0) return flows;
  const given = flows.find(({ type }) => type === 'global-config');
  const before = Array.isArray(given?.env) ? (given.env as { name: string }[]) : [];
  const kept = before.filter(({ name }) => !env.some((entry) => entry.name === name));
  const config = { id: VARIABLES_NODE, ...given, type: 'global-config', env: [...kept, ...env] };
  return [...flows.filter((element) => element !== given), config];
}
