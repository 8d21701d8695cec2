import type { CameraStatus } from '../runtime/contracts/cameras.ts';
import type { FlowSlot } from '../runtime/contracts/deployments.ts';
import type { ServedConfig } from '../runtime/contracts/device-config.ts';
import { ERROR_CODES, type ErrorCode } from '../runtime/contracts/errors.ts';
import type { Still } from '../runtime/contracts/frame.ts';
import type { OwnPictureMeta } from '../runtime/contracts/gallery.ts';
import type { UploadStatus } from '../runtime/contracts/host.ts';
import type { PushSpec } from '../runtime/contracts/pushes.ts';
import type { FlowElement } from '../runtime/flow-engine/flow-files.ts';

/** The child says that it lives this often; an agent that hears nothing for `SILENCE_MS` ends it. */
export const ALIVE_EVERY_MS = 5_000;
export const SILENCE_MS = 30_000;

/** What the agent knows of the outside, for the child's pages and nodes. */
export interface AgentView {
  config: ServedConfig | undefined;
  upload: UploadStatus;
  link: LinkView;
  captures: CapturesView;
}

/** The device's own captures that the server is to have; counts, and `bytes` of what waits and what was given up. */
export interface CapturesView {
  waiting: number;
  /** given up */
  dead: number;
  bytes: number;
  /** since the start: brought, and deleted to make room */
  sent: number;
  dropped: number;
  /** why the oldest waits */
  reason?: string;
}

/** What became of a picture that the server is to have. */
export type PictureDelivery = { status: 'uploaded'; image: number } | { status: 'queued' };

/** A picture that the server is to have; `id` is 32 hexadecimal digits that no other picture has. */
export interface PictureFromChild {
  type: 'picture';
  id: string;
  picture: { jpeg: Buffer; meta: OwnPictureMeta };
}

export interface LinkView {
  mqtt: 'connected' | 'disconnected';
  /** why the server does not answer; undefined when it does */
  trouble?: string;
}

/** What the child is to run. */
export interface FlowLoad {
  slot: FlowSlot;
  /** null: the tabs that the device was shipped with */
  flows: FlowElement[] | null;
  /** in clear, by node; null: those that are kept with the shipped tabs */
  credentials: Record<string, unknown> | null;
}

/** A push that the server wants run here, with everything that it needs: its key too. */
export interface OrderedPush {
  spec: PushSpec;
  wanted: boolean;
}

/** What the child knows of itself. */
export interface ChildView {
  cameras: CameraStatus[];
  flows: string;
  /** why they do not run */
  reason?: string;
  /** nodes that failed while the flows started, in words */
  startErrors?: string[];
  nodeTypes: string[];
  rssMb: number;
  /** live streams are coarse until the machine has cooled down */
  streamLimited?: boolean;
}

export type ToChild =
  | ({ type: 'view' } & Partial<AgentView>)
  | ({ type: 'load' } & FlowLoad)
  /** to be run in place of what runs, in the same process */
  | ({ type: 'switch'; n: number } & FlowLoad)
  /** to be answered at once: is the event loop free? */
  | { type: 'ping'; n: number }
  | { type: 'answer'; call: number; seq?: number }
  | { type: 'refusal'; call: number; code: ErrorCode; message: string }
  /** send this camera's stream as records, under this number */
  | { type: 'uplink-open'; id: number; camera: string }
  /** so many bytes of it have left the device: more may come */
  | { type: 'uplink-taken'; id: number; bytes: number }
  | { type: 'uplink-close'; id: number }
  | { type: 'picture-answer'; id: string; delivery: PictureDelivery }
  | { type: 'picture-refusal'; id: string; code: ErrorCode; message: string }
  | { type: 'command'; call: number; name: string; args: Record<string, unknown> }
  | { type: 'command-cancel'; call: number }
  /** all that the server wants pushed */
  | { type: 'pushes'; pushes: OrderedPush[] }
  | { type: 'stop' };

/** What the child says of a command in its hands. */
export type CommandFromChild =
  | { type: 'command-progress' | 'command-answer'; call: number; data: unknown }
  | { type: 'command-refusal'; call: number; code: ErrorCode; message: string };

/** Before the answer the old flows have ended, and whatever is said after it is about the new ones. A refusal: only a new process can run them. */
export type SwitchFromChild =
  | { type: 'switch-answer'; n: number }
  | { type: 'switch-refusal'; n: number; reason: string };

export type ToAgent =
  | CommandFromChild
  | { type: 'alive' }
  | { type: 'pong'; n: number }
  | SwitchFromChild
  | ({ type: 'report' } & ChildView)
  | { type: 'spool'; call: number; still: Still }
  | PictureFromChild
  /** how those are that the server ordered; what a flow may have made of it is looked at by its reader */
  | { type: 'pushes'; pushes: unknown }
  | { type: 'uplink-record'; id: number; record: Buffer }
  /** nothing more comes under this number, and why */
  | { type: 'uplink-end'; id: number; reason: string };

/** What is said of a picture, as JSON. */
const MOST_META_CHARS = 64 * 1024;

/** Bytes of one stream that may lie between child and network; beyond it the stream leaves pictures out. */
export const UPLINK_WINDOW_BYTES = 2 * 1024 * 1024;

/**
 * Reads a message from the child. A flow may get hold of `process.send`, so what is not one of ours in every field that the agent
 * relies on is answered with undefined.
 */
export function parseToAgent(message: unknown): ToAgent | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const { type } = message as { type?: unknown };
  if (type === 'alive') return { type };
  if (type === 'pong') {
    const { n } = message as { n?: unknown };
    return Number.isSafeInteger(n) ? { type, n: Number(n) } : undefined;
  }
  if (type === 'switch-answer' || type === 'switch-refusal')
    return parseSwitch(type, message as Record<string, unknown>);
  if (type === 'uplink-record' || type === 'uplink-end') return parseUplink(message as Record<string, unknown>);
  if (type === 'report') return isChildView(message as Partial<ChildView>) ? (message as ToAgent) : undefined;
  if (type === 'command-progress' || type === 'command-answer' || type === 'command-refusal')
    return parseCommand(type, message as Record<string, unknown>);
  if (type === 'pushes') return { type, pushes: (message as { pushes?: unknown }).pushes };
  if (type === 'picture') return parsePicture(message as Record<string, unknown>);
  if (type !== 'spool') return undefined;
  const { call, still } = message as { call?: unknown; still?: Partial<Still> };
  const jpeg = bufferOf(still?.jpeg);
  if (!Number.isSafeInteger(call) || !still || !jpeg) return undefined;
  const { camera, capturedAt, width, height, jpegQuality } = still;
  const numbers = [capturedAt, width, height, jpegQuality];
  const isDate = !Number.isNaN(new Date(Number(capturedAt)).getTime());
  if (typeof camera !== 'string' || !numbers.every(Number.isFinite) || !isDate) return undefined;
  return { type, call: Number(call), still: { ...(still as Still), jpeg } };
}

function parsePicture({ id, picture }: Record<string, unknown>): ToAgent | undefined {
  const { jpeg: bytes, meta } = (picture ?? {}) as { jpeg?: unknown; meta?: unknown };
  const jpeg = bufferOf(bytes);
  if (typeof id !== 'string' || !/^[0-9a-f]{32}$/.test(id) || !jpeg) return undefined;
  const plain = plainMeta(meta);
  return plain && { type: 'picture', id, picture: { jpeg, meta: plain } };
}

/** Each field is the server's to judge; here it must be something that can be written down: the channel also carries loops and bigints. */
function plainMeta(meta: unknown): OwnPictureMeta | undefined {
  if (typeof meta !== 'object' || meta === null || Array.isArray(meta)) return undefined;
  try {
    const text = JSON.stringify(meta);
    return text.length > MOST_META_CHARS ? undefined : (JSON.parse(text) as OwnPictureMeta);
  } catch {
    return undefined;
  }
}

function parseSwitch(type: SwitchFromChild['type'], { n, reason }: Record<string, unknown>): ToAgent | undefined {
  if (!Number.isSafeInteger(n)) return undefined;
  return type === 'switch-answer'
    ? { type, n: Number(n) }
    : { type, n: Number(n), reason: String(reason).slice(0, 300) };
}

function parseUplink({ type, id, record, reason }: Record<string, unknown>): ToAgent | undefined {
  if (!Number.isSafeInteger(id)) return undefined;
  if (type === 'uplink-end') return { type, id: Number(id), reason: String(reason).slice(0, 300) };
  const bytes = bufferOf(record);
  return bytes && { type: 'uplink-record', id: Number(id), record: bytes };
}

function parseCommand(
  type: CommandFromChild['type'],
  { call, data, code, message }: Record<string, unknown>,
): CommandFromChild | undefined {
  if (!Number.isSafeInteger(call)) return undefined;
  if (type !== 'command-refusal') return { type, call: Number(call), data };
  const known = typeof code === 'string' && Object.hasOwn(ERROR_CODES, code);
  return {
    type,
    call: Number(call),
    code: known ? (code as ErrorCode) : 'internal.error',
    message: String(message).slice(0, 2000),
  };
}

function isChildView(view: Partial<ChildView>): boolean {
  return (
    Array.isArray(view.cameras) &&
    Array.isArray(view.nodeTypes) &&
    typeof view.flows === 'string' &&
    (view.reason === undefined || typeof view.reason === 'string') &&
    (view.startErrors === undefined || isTexts(view.startErrors)) &&
    (view.streamLimited === undefined || typeof view.streamLimited === 'boolean') &&
    Number.isFinite(view.rssMb)
  );
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

/** Bytes as they come out of the channel. */
export function bufferOf(bytes: unknown): Buffer | undefined {
  if (Buffer.isBuffer(bytes)) return bytes;
  return bytes instanceof Uint8Array ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) : undefined;
}
