import type { FlowElement } from './red.ts';

/** Variable of a tab that says where it runs (decision 0038): `edge`, or `edge: group/gate, device/pi-7`. */
const RUNS_ON = 'RUNS_ON';

/** Whom a tab is meant for: `all`, `device/<id>`, `group/<name>`; undefined for a tab of the server. */
export function targetsOf(tab: Pick<FlowElement, 'env'>): string[] | undefined {
  const value = String(
    tab.env?.find(({ name, value }) => name === RUNS_ON && /^edge(:|$)/.test(String(value)))?.value ?? '',
  );
  if (value === '') return undefined;
  const targets = value
    .slice('edge:'.length)
    .split(',')
    .map((target) => target.trim())
    .filter((target) => target !== '');
  return targets.length > 0 ? targets : ['all'];
}

/** The variables of a tab that runs there; an empty list: on the server. */
export function withTargets(env: FlowElement['env'] = [], targets: readonly string[]): NonNullable<FlowElement['env']> {
  const others = env.filter(({ name }) => name !== RUNS_ON);
  if (targets.length === 0) return others;
  const value = targets.includes('all') ? 'edge' : `edge: ${targets.join(', ')}`;
  return [...others, { name: RUNS_ON, value, type: 'str' }];
}
