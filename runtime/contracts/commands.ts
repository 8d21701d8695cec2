import { type Static, type TObject, Type } from 'typebox';
import { CameraSettingsChange } from './cameras.ts';
import { PUSHES_COMMAND } from './device-pushes.ts';
import type { Release } from './host.ts';
import { ID_PATTERN } from './ids.ts';
import { anything, nullable, pageOf, time } from './schema.ts';
import { STREAM_COMMAND, StreamCommandArgs } from './uplink.ts';

/** Last level of `cmd/<name>`. A device may know commands that are not named here. */
export const COMMAND_NAME_PATTERN = '^[a-z][a-z0-9-]{0,39}$';

/** The last level of `rsp/<requester>` under which the server is answered. */
export const SERVER_REQUESTER = 'server';

/** How long a command waits for a device that is away unless its sender says otherwise, and at most. */
export const COMMAND_TTL_S = 300;
export const COMMAND_MAX_TTL_S = 7 * 86_400;

const camera = Type.Optional(Type.String({ pattern: ID_PATTERN, description: "default: the device's first" }));
const plain = <P extends Parameters<typeof Type.Object>[0]>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });

interface CommandKind {
  args: TObject;
  meaning: string;
  /** the server sends it for its own ends, with an id that is good once: people cannot */
  internal?: true;
}

/** The commands of our own devices: their arguments, and what is answered. */
export const COMMANDS = {
  restart: { args: plain({}), meaning: 'start the process of the flows again; the agent stays' },
  reboot: { args: plain({}), meaning: 'start the whole machine again, where its ALLOW_REBOOT says so' },
  snapshot: {
    args: plain({ camera, width: Type.Optional(Type.Integer({ minimum: 64, maximum: 1280, default: 640 })) }),
    meaning: 'a small picture of now, in the answer: {camera, captured_at, width, height, jpeg_b64}',
  },
  logs: {
    args: plain({ seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 60, default: 30 })) }),
    meaning: 'what the device logs from now on, as progress: {lines}',
  },
  identify: {
    args: plain({ seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: 300, default: 30 })) }),
    meaning: 'blink the lamp on the board, and say so in the log: {lamp}',
  },
  capture: {
    args: plain({
      camera,
      exposure: Type.Optional(Type.Number({ minimum: 0 })),
      gain: Type.Optional(Type.Number({ minimum: 0 })),
      nonce: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$', description: '256 random bits, good for one picture' }),
    }),
    meaning: 'a picture of now, brought by HTTP',
    internal: true,
  },
  captures: {
    args: plain({
      dead: Type.Optional(
        Type.Enum(['retry', 'delete'], {
          description: 'what is to be done with those that were given up; default: nothing',
        }),
      ),
      images: Type.Optional(
        Type.Array(Type.String({ pattern: '^[0-9a-f]{32}$' }), { maxItems: 100, description: 'only these of them' }),
      ),
    }),
    meaning: 'captures of the device itself that wait for the server, and those that were given up',
  },
  'camera-settings': {
    args: plain({ camera, change: Type.Optional(CameraSettingsChange) }),
    meaning: 'how a camera captures, after the change if one is given: {settings, streaming, driver, state, reason}',
    internal: true,
  },
  flows: {
    args: plain({}),
    meaning: 'the flows that run, as they are: {flows_gz, slot, revision}',
    internal: true,
  },
  [PUSHES_COMMAND]: {
    args: plain({}),
    meaning: 'fetch what is to be pushed, by HTTP',
    internal: true,
  },
  [STREAM_COMMAND]: {
    args: StreamCommandArgs,
    meaning: 'the live picture, brought by HTTP for as long as the server takes it',
    internal: true,
  },
} as const satisfies Record<string, CommandKind>;

export type CommandName = keyof typeof COMMANDS;

/** What our own devices are known to take for a command; undefined for a name that is somebody else's. */
export function commandKind(name: string): CommandKind | undefined {
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name as CommandName] : undefined;
}

/** Body of `cmd/<name>`; times are epoch ms of the server. Unknown fields are ignored. */
export const CommandMessage = Type.Object({
  v: Type.Optional(Type.Integer()),
  /** when it was sent, this time */
  ts: Type.Optional(Type.Integer({ minimum: 0 })),
  id: Type.String({ pattern: '^[A-Za-z0-9_-]{1,100}$' }),
  /** who is answered: the last level of `rsp/<requester>` */
  reply_to: Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$' }),
  /** rises per device */
  counter: Type.Integer({ minimum: 1 }),
  issued_at: Type.Integer({ minimum: 0 }),
  /** not begun from then on */
  expires_at: Type.Integer({ minimum: 0 }),
  args: Type.Optional(Type.Object({})),
});
export type CommandMessage = Static<typeof CommandMessage>;

/** Body of `rsp/<requester>`. `ok` and `error` are the last word; a device says it again when it is asked again. */
export const CommandAnswer = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 100 }),
  status: Type.Enum(['ok', 'error', 'accepted', 'progress']),
  /** for programs; ours are texts, a small device may send a number */
  code: Type.Optional(Type.Union([Type.String({ maxLength: 100 }), Type.Number()])),
  data: Type.Optional(Type.Unknown()),
  error: Type.Optional(Type.String({ maxLength: 2000 })),
});
export type CommandAnswer = Static<typeof CommandAnswer>;

export const COMMAND_STATES = ['queued', 'sent', 'accepted', 'done', 'failed', 'expired'] as const;
export type CommandState = (typeof COMMAND_STATES)[number];

/** `POST /api/v1/devices/{id}/commands`. */
export const CommandCreate = Type.Object(
  {
    name: Type.String({ pattern: COMMAND_NAME_PATTERN }),
    args: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    ttl_s: Type.Optional(
      Type.Number({
        minimum: 1,
        maximum: COMMAND_MAX_TTL_S,
        default: COMMAND_TTL_S,
        description: 'how long it is kept for a device that is away',
      }),
    ),
  },
  { title: 'CommandCreate', additionalProperties: false },
);
export type CommandCreate = Static<typeof CommandCreate>;

export const CommandRecord = Type.Object(
  {
    id: Type.String({ format: 'uuid', examples: ['019a9f3e-7c00-7000-8000-000000000000'] }),
    device: Type.String(),
    name: Type.String({ examples: ['restart'] }),
    args: anything(),
    state: Type.Enum([...COMMAND_STATES]),
    issued_at: time(),
    expires_at: time(),
    sent_at: nullable(time()),
    finished_at: nullable(time()),
    data: Type.Unknown({ description: 'what the device answered' }),
    code: nullable(Type.String()),
    error: nullable(Type.String()),
    actor: Type.String({ examples: ['user:anna'] }),
    progress: Type.Array(Type.Unknown(), { description: 'what it said on the way, as far as it is remembered' }),
  },
  { title: 'CommandRecord' },
);
export type CommandRecord = Static<typeof CommandRecord>;

export const CommandPage = pageOf(CommandRecord);

/** Something happened to a command: another state, or a word of progress. */
export interface CommandUpdate {
  id: string;
  device: string;
  state: CommandState;
  progress?: unknown;
}

/** Commands for nodes. Server. */
export interface CommandHost {
  /**
   * Sends a command, and keeps it for a device that is away for `ttlMs`; resolves with its last state: `done`, `failed` or
   * `expired`. Throws `device.not_found`, `request.invalid`, or the signal's reason, which leaves the command on its way.
   */
  run(
    command: { device: string; name: string; args: Record<string, unknown>; ttlMs: number },
    options?: { signal?: AbortSignal; onUpdate?: (update: CommandUpdate) => void },
  ): Promise<CommandRecord>;
}

/** What a device said of itself. */
export type DeviceWord =
  | { device: string; kind: 'state'; at: number; state: 'online' | 'offline' | 'degraded' | 'updating' }
  | { device: string; kind: 'info'; at: number; info: Record<string, unknown> }
  | { device: string; kind: 'heartbeat'; at: number; heartbeat: Record<string, unknown> };

export type DeviceWordKind = DeviceWord['kind'];

/** What devices say, for nodes. Server. */
export interface DeviceHost {
  watch(filter: { device?: string; kinds?: DeviceWordKind[] }, onWord: (word: DeviceWord) => void): Release;
}
