import { type Static, Type } from 'typebox';
import { FLOW_PHASES, FramesOfTrial } from '../../../runtime/contracts/deployments.ts';
import { parser } from '../../../runtime/lib/validate.ts';

const Resident = Type.Object({
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  revision: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  generation: Type.Integer({ minimum: 1 }),
});

const Word = Type.Object({
  generation: Type.Integer({ minimum: 0 }),
  phase: Type.Enum([...FLOW_PHASES]),
  reason: Type.Optional(Type.String()),
  code: Type.Optional(Type.String()),
  frames: Type.Optional(FramesOfTrial),
});

/** The one file that says what runs. It is replaced as a whole, so whatever is cut, the one before or the one after is there. */
const Pointer = Type.Object({
  v: Type.Literal(1),
  slot: Type.Enum(['own', 'A', 'B', 'safe']),
  /** the last that stood its probation */
  good: Type.Enum(['own', 'A', 'B']),
  /** the highest that was ever taken: what is not above it is refused */
  generation: Type.Integer({ minimum: 0 }),
  /** what lies in the slots */
  A: Type.Optional(Resident),
  B: Type.Optional(Resident),
  /** `slot` is on probation: how often the agent was started since */
  trial: Type.Optional(
    Type.Object({
      boots: Type.Integer({ minimum: 0 }),
      /** number of the last frame before it; -1: none */
      before: Type.Optional(Type.Integer({ minimum: -1 })),
    }),
  ),
  /** times the good one failed since it last stood */
  failures: Type.Integer({ minimum: 0 }),
  /** what was last reported of a deployment */
  last: Word,
});
export type Pointer = Static<typeof Pointer>;
export type Resident = Static<typeof Resident>;
export type Word = Static<typeof Word>;

const parse = parser(Pointer);

/** The pointer of a device that was never deployed to. `generation` is more than 0 where the memory of earlier ones is lost. */
export function firstPointer(generation = 0): Pointer {
  return { v: 1, slot: 'own', good: 'own', generation, failures: 0, last: { generation: 0, phase: 'active' } };
}

/** Reads the file's text; undefined for what is none. */
export function parsePointer(text: string): Pointer | undefined {
  try {
    return parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
