import { Type } from 'typebox';
import { BundleContent, type DeploymentCreate, FlowGates } from '../../contracts/deployments.ts';
import type { FlowElement } from '../../flow-engine/flow-files.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { parser } from '../../lib/validate.ts';
import type { EdgeFlows } from './edge-tabs.ts';

const Elements = Type.Array(Type.Object({ id: Type.String(), type: Type.String() }));

const parseSource = parser(
  Type.Object({
    v: Type.Literal(1),
    tabs: Type.Array(Type.Object({ tab: Elements.items, elements: Elements, targets: Type.Array(Type.String()) })),
    shared: Elements,
    elsewhere: Elements,
    subflows: Type.Array(Elements),
    env: BundleContent.properties.env,
    gates: FlowGates,
  }),
  'flow.invalid',
);

/** What a deployment was made from, so that a device which comes later gets the same as the others. */
export interface Source {
  flows: EdgeFlows;
  env: NonNullable<DeploymentCreate['env']>;
  gates: FlowGates;
}

/** The text under whose hash it is kept. Credentials are not in it: they are those of the moment, for whom they are sealed. */
export function sourceText({ flows, env, gates }: Source): string {
  const { tabs, shared, elsewhere, subflows } = flows;
  return canonicalJson({ v: 1, tabs, shared, elsewhere, subflows: [...subflows.values()], env, gates });
}

/** Reads such a text; throws `flow.invalid`. */
export function sourceOf(text: string): Source {
  const { tabs, shared, elsewhere, subflows, env, gates } = parseSource(JSON.parse(text));
  const named = (subflows as FlowElement[][]).map((elements): [string, FlowElement[]] => [
    elements.find(({ type }) => type === 'subflow')?.id ?? '',
    elements,
  ]);
  const flows = { tabs, shared, elsewhere, subflows: new Map(named) };
  return { flows: flows as unknown as EdgeFlows, env, gates };
}
