import { type Static, Type } from 'typebox';
import { ID_PATTERN } from './ids.ts';
import { nullable, pageOf, time } from './schema.ts';

/** Where a deployment is on a device, in the order in which it gets there; the last three are an end. */
export const FLOW_PHASES = [
  'fetching',
  'verifying',
  'staged',
  'switching',
  'probation',
  'active',
  'rejected',
  'rolled_back',
] as const;
export type FlowPhase = (typeof FLOW_PHASES)[number];

/** Where a device's flows come from: what it was shipped with, a slot, or the built-in flow that does nothing. */
export const FLOW_SLOTS = ['own', 'A', 'B', 'safe'] as const;
export type FlowSlot = (typeof FLOW_SLOTS)[number];

/** Bytes of the largest bundle that is built or taken. */
export const MAX_BUNDLE_BYTES = 8 * 1024 * 1024;

/** The node that variables of a deployment become on the device. */
export const VARIABLES_NODE = 'rdeenvironment01';

const SHA256 = '^[0-9a-f]{64}$';
const BASE64URL = '^[A-Za-z0-9_-]+$';
const sha256 = () =>
  Type.String({ pattern: SHA256, examples: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'] });
const uuid = () => Type.String({ pattern: '^[0-9a-f-]{36}$', examples: ['019a9f3e-7c00-7000-8000-000000000000'] });
const keyId = () => Type.String({ pattern: '^[0-9a-f]{16}$', examples: ['1f2e3d4c5b6a7980'] });
const signatureText = () => Type.String({ pattern: '^[A-Za-z0-9_-]{86}$', examples: ['A'.repeat(86)] });
const generation = () => Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });

/** What a signature vouches for. The bundle's content follows from its hash; device and generation say for whom and when. */
export const BundleStatement = Type.Object({
  device: Type.String({ pattern: ID_PATTERN }),
  generation: generation(),
  id: uuid(),
  sha256: sha256(),
  size: Type.Integer({ minimum: 2, maximum: MAX_BUNDLE_BYTES }),
});
export type BundleStatement = Static<typeof BundleStatement>;

/** `flow/desired`: a pointer. The bundle is fetched by HTTP with the device's key, below the server that the device knows. */
export const FlowDesiredMessage = Type.Object({
  v: Type.Literal(1),
  ts: Type.Integer({ minimum: 0 }),
  generation: generation(),
  /** of the deployment */
  id: uuid(),
  /** a path below the server's own address, never a whole one: the key must not be sent elsewhere */
  url: Type.String({ pattern: '^api/v1/device/bundles/[0-9a-f]{64}$' }),
  sha256: sha256(),
  size: Type.Integer({ minimum: 2, maximum: MAX_BUNDLE_BYTES }),
  signature: Type.String({ pattern: '^[A-Za-z0-9_-]{86}$', description: 'Ed25519 over the statement, base64url' }),
  key_id: Type.String({ pattern: '^[0-9a-f]{16}$' }),
});
export type FlowDesiredMessage = Static<typeof FlowDesiredMessage>;

/** Which frames were those of flows on probation, by their numbers; -1: none was ever given one. */
export const FramesOfTrial = Type.Object({
  /** the last one before the switch */
  before: Type.Integer({ minimum: -1, maximum: Number.MAX_SAFE_INTEGER }),
  /** the last one before the way back */
  until: Type.Integer({ minimum: -1, maximum: Number.MAX_SAFE_INTEGER }),
});
export type FramesOfTrial = Static<typeof FramesOfTrial>;

/** `flow/reported`, retained: how far a deployment is, and what runs meanwhile. */
export const FlowReportedMessage = Type.Object({
  v: Type.Literal(1),
  ts: Type.Integer({ minimum: 0 }),
  /** what this is about; 0: no deployment was ever taken */
  generation: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  phase: Type.Enum([...FLOW_PHASES]),
  /** content of what runs now; null: what the device was shipped with, or the safe flow */
  revision: Type.Union([Type.String({ pattern: SHA256 }), Type.Null()]),
  slot: Type.Optional(Type.Enum([...FLOW_SLOTS])),
  reason: Type.Optional(Type.String({ maxLength: 1000 })),
  /** for programs; ours are error codes */
  code: Type.Optional(Type.String({ maxLength: 100 })),
  /** with `rolled_back` */
  frames: Type.Optional(FramesOfTrial),
});
export type FlowReportedMessage = Static<typeof FlowReportedMessage>;

/** What a device of ours looks at while new flows are on probation. */
export const FlowGates = Type.Object(
  {
    probation_s: Type.Optional(Type.Number({ minimum: 1, maximum: 3600, description: "default: the device's own" })),
    expect_frames: Type.Optional(
      Type.Boolean({ description: 'frames must come on when they came before; default true' }),
    ),
    min_fps: Type.Optional(Type.Number({ minimum: 0, maximum: 60, description: 'frames a second that must come' })),
  },
  { additionalProperties: false },
);
export type FlowGates = Static<typeof FlowGates>;

/** The first part of a bundle: everything but its content. */
export const BundleManifest = Type.Object({
  device: Type.String({ pattern: ID_PATTERN }),
  generation: generation(),
  id: uuid(),
  created: Type.Integer({ minimum: 0 }),
  /** hash of the content below */
  revision: sha256(),
  /** of FLOWS_DIR, where that is a git checkout */
  commit: Type.Optional(Type.String({ pattern: '^[0-9a-f]{7,64}$' })),
  gates: FlowGates,
});
export type BundleManifest = Static<typeof BundleManifest>;

const FlowElements = Type.Array(
  Type.Object({ id: Type.String({ minLength: 1 }), type: Type.String({ minLength: 1 }) }),
  { maxItems: 20_000 },
);

/** What a revision is the hash of. Credentials count by a digest that only the server can make: their sealed form differs each time. */
export const BundleContent = Type.Object({
  /** the tabs, as one flat list; null: what the device was shipped with */
  flows: Type.Union([FlowElements, Type.Null()]),
  env: Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,62}$' }), Type.String({ maxLength: 4096 })),
  /** types of nodes that the flows need */
  nodes: Type.Array(Type.String({ minLength: 1, maxLength: 200 })),
  credentials_digest: nullable(Type.String({ pattern: SHA256 })),
});
export type BundleContent = Static<typeof BundleContent>;

/** The bundle: one canonical JSON document. It names no files, so it can point to none. */
export const FlowBundle = Type.Object({
  v: Type.Literal(1),
  manifest: BundleManifest,
  content: BundleContent,
  /** `{<node id>: {…}}` as JSON, sealed for the device; null: none */
  credentials: nullable(Type.String({ pattern: BASE64URL, maxLength: 1_000_000 })),
});
export type FlowBundle = Static<typeof FlowBundle>;

/** A public signing key, and the word of the one before it. */
export const SigningKeyRecord = Type.Object({
  key_id: keyId(),
  /** 32 bytes, base64url */
  public_key: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', examples: ['A'.repeat(43)] }),
  signed_by: Type.Optional(keyId()),
  signature: Type.Optional(signatureText()),
});
export type SigningKeyRecord = Static<typeof SigningKeyRecord>;

/** Part of the served configuration: the key that bundles are signed with, and how to come to it from earlier ones, oldest first. */
export const SigningKeys = Type.Object({
  current: SigningKeyRecord,
  rotations: Type.Array(SigningKeyRecord, { maxItems: 50 }),
});
export type SigningKeys = Static<typeof SigningKeys>;

/** `all`, `device/<id>` or `group/<name>`. */
export const TARGET_PATTERN = '^(all|device/[a-z0-9][a-z0-9_-]{0,62}|group/[a-z0-9][a-z0-9_-]{0,62})$';

const target = () => Type.String({ pattern: TARGET_PATTERN, examples: ['device/pi-1', 'group/entrance', 'all'] });

/** `POST /api/v1/deployments`: the edge tabs as they are now go to the devices of the target. */
export const DeploymentCreate = Type.Object(
  {
    target: target(),
    rings: Type.Optional(
      Type.Array(Type.Union([Type.Number({ exclusiveMinimum: 0, maximum: 1 }), target()]), {
        maxItems: 20,
        description: 'who comes first: shares of the devices so far (0.1, 0.5), or targets; the rest comes last',
      }),
    ),
    pause_s: Type.Optional(Type.Number({ minimum: 0, maximum: 604_800, description: 'between two rings; default 0' })),
    abort_share: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description: 'stop when more than this share of the devices told so far failed; default 0',
      }),
    ),
    timeout_s: Type.Optional(
      Type.Number({
        minimum: 30,
        maximum: 604_800,
        description: 'a ring does not wait longer for a device; default 900',
      }),
    ),
    env: Type.Optional(BundleContent.properties.env),
    gates: Type.Optional(FlowGates),
    note: Type.Optional(Type.String({ maxLength: 500 })),
    only_changed: Type.Optional(
      Type.Boolean({ description: 'leave out devices that run just that already; default false' }),
    ),
  },
  { title: 'DeploymentCreate', additionalProperties: false },
);
export type DeploymentCreate = Static<typeof DeploymentCreate>;

export const DEPLOYMENT_STATES = ['unsigned', 'running', 'done', 'failed', 'aborted'] as const;
export type DeploymentState = (typeof DEPLOYMENT_STATES)[number];

/** `waiting` for its ring, `sent`, a phase, or an end of its own: `superseded` by a later deployment, `aborted` before it began. */
export const TARGET_STATES = ['waiting', 'sent', ...FLOW_PHASES, 'superseded', 'aborted'] as const;
export type TargetState = (typeof TARGET_STATES)[number];

/** What a deployment changes on a device: names of tabs. */
export const FlowDiff = Type.Object(
  {
    added: Type.Array(Type.String()),
    changed: Type.Array(Type.String()),
    removed: Type.Array(Type.String()),
    first: Type.Optional(
      Type.Boolean({ description: 'what the device ran before is not known: every tab is among the added ones' }),
    ),
    shipped: Type.Optional(
      Type.Boolean({ description: 'back to the tabs that the device was shipped with, whatever they are' }),
    ),
  },
  { title: 'FlowDiff' },
);
export type FlowDiff = Static<typeof FlowDiff>;

/** One node that differs between two flow sets: what of it, in the words of the editor. */
export const NodeChange = Type.Object(
  {
    id: Type.String(),
    type: Type.String(),
    name: Type.String({ description: 'its name, else its id' }),
    tab: Type.String({ description: 'name of the tab or subflow that it is on; empty for none' }),
    change: Type.Enum(['added', 'changed', 'removed']),
    fields: Type.Array(
      Type.Object({
        field: Type.String({ description: 'where only its place on the canvas changed: `place`' }),
        before: Type.String({ description: 'as JSON, shortened; empty: not there' }),
        after: Type.String(),
      }),
    ),
  },
  { title: 'NodeChange' },
);
export type NodeChange = Static<typeof NodeChange>;

/** `POST /api/v1/deployments/preview`: what a deployment would do now, for each device. */
export const DeploymentPreview = Type.Object(
  {
    devices: Type.Array(
      Type.Object({
        device: Type.String(),
        ring: Type.Integer(),
        unchanged: Type.Boolean({ description: 'it runs just that already' }),
        diff: FlowDiff,
        nodes: Type.Array(NodeChange),
        problem: nullable(Type.String({ description: 'why it cannot be sent there' })),
      }),
    ),
  },
  { title: 'DeploymentPreview' },
);
export type DeploymentPreview = Static<typeof DeploymentPreview>;

/** What runs on a device at this moment, asked of the device itself, and how it differs from the edge tabs here. */
export const DeviceFlows = Type.Object(
  {
    device: Type.String(),
    slot: nullable(Type.Enum([...FLOW_SLOTS])),
    revision: nullable(Type.String()),
    taken_at: time(),
    flows: FlowElements,
    diff: FlowDiff,
    nodes: Type.Array(NodeChange, { description: 'from the edge tabs here to what runs there' }),
  },
  { title: 'DeviceFlows' },
);
export type DeviceFlows = Static<typeof DeviceFlows>;

/** What a device answers to the command `flows`. */
export const FlowsAnswer = Type.Object({
  /** the flow set as JSON, gzipped, base64 */
  flows_gz: Type.String({ maxLength: 256 * 1024 }),
  slot: Type.Optional(Type.Enum([...FLOW_SLOTS])),
  revision: Type.Optional(Type.Union([Type.String({ pattern: SHA256 }), Type.Null()])),
});

/** Captures around a deployment that failed: null where there is none, yet or any more. */
export const PicturesOfTrial = Type.Object(
  {
    before: nullable(uuid()),
    during: nullable(uuid(), { description: 'the last one of the new flows' }),
    after: nullable(uuid(), { description: 'the first one of the flows that run again' }),
  },
  { title: 'PicturesOfTrial' },
);
export type PicturesOfTrial = Static<typeof PicturesOfTrial>;

export const DeploymentTarget = Type.Object(
  {
    device: Type.String(),
    ring: Type.Integer(),
    state: Type.Enum([...TARGET_STATES]),
    generation: Type.Integer(),
    revision: Type.String(),
    reason: nullable(Type.String()),
    diff: FlowDiff,
    sent_at: nullable(time()),
    ended_at: nullable(time()),
    pictures: Type.Union([PicturesOfTrial, Type.Null()], {
      description: 'what the cameras saw, where the device went back by itself',
    }),
  },
  { title: 'DeploymentTarget' },
);
export type DeploymentTarget = Static<typeof DeploymentTarget>;

export const DeploymentRecord = Type.Object(
  {
    id: uuid(),
    target: Type.String(),
    state: Type.Enum([...DEPLOYMENT_STATES]),
    reason: nullable(Type.String()),
    actor: Type.String({ examples: ['user:anna'] }),
    note: nullable(Type.String()),
    commit: nullable(Type.String()),
    rollback_of: nullable(uuid()),
    follows: Type.Union([uuid(), Type.Null()], {
      description: 'the deployment that this one brings to a device that came later',
    }),
    ring: Type.Integer({ description: 'the one under way, from 0' }),
    rings: Type.Integer(),
    counts: Type.Object({
      total: Type.Integer(),
      active: Type.Integer(),
      failed: Type.Integer({ description: 'rejected or rolled back' }),
      open: Type.Integer(),
    }),
    created_at: time(),
    finished_at: nullable(time()),
    devices: Type.Array(DeploymentTarget),
  },
  { title: 'DeploymentRecord' },
);
export type DeploymentRecord = Static<typeof DeploymentRecord>;

export const DeploymentPage = pageOf(DeploymentRecord);

/** What `npm run sign` reads: the bundles of a deployment that waits, as they will be sent. */
export const SigningRequest = Type.Object(
  {
    v: Type.Literal(1),
    deployment: uuid(),
    bundles: Type.Array(Type.Object({ statement: BundleStatement, bundle: Type.String() })),
  },
  { title: 'SigningRequest' },
);
export type SigningRequest = Static<typeof SigningRequest>;

/** What `npm run sign` writes: `POST /api/v1/deployments/{id}/signatures`. */
export const SigningAnswer = Type.Object(
  {
    v: Type.Literal(1),
    deployment: uuid(),
    key: SigningKeyRecord,
    signatures: Type.Array(Type.Object({ sha256: sha256(), signature: signatureText() }), { maxItems: 10_000 }),
  },
  { title: 'SigningAnswer', additionalProperties: false },
);
export type SigningAnswer = Static<typeof SigningAnswer>;

/** What is known of a device's flows: what it should run, and what it says it runs. */
export const DeviceFlow = Type.Object(
  {
    generation: Type.Integer({ description: 'of the last deployment for it; 0: none' }),
    desired_revision: nullable(Type.String()),
    revision: nullable(
      Type.String({ description: 'what it says it runs; null: what it was shipped with, or the safe flow' }),
    ),
    phase: nullable(Type.Enum([...FLOW_PHASES])),
    slot: nullable(Type.Enum([...FLOW_SLOTS])),
    reason: nullable(Type.String()),
    drift: Type.Boolean({ description: 'it runs something else than it should, and is not on the way there' }),
    reported_at: nullable(time()),
  },
  { title: 'DeviceFlow' },
);
export type DeviceFlow = Static<typeof DeviceFlow>;

/** Whether a phase is an end. */
export function isLastPhase(phase: string): boolean {
  return phase === 'active' || phase === 'rejected' || phase === 'rolled_back';
}
