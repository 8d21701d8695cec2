import type { NodeMessage } from 'node-red';
import type { DetectionReport } from '../../runtime/contracts/detection.ts';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { FrameInfo, Still } from '../../runtime/contracts/frame.ts';
import type { StoredFrame } from '../../runtime/contracts/host.ts';
import type { JobHandle } from '../../runtime/contracts/jobs.ts';
import { parseFields } from './parse.ts';
import { FrameShape, JobShape } from './shapes.ts';

/**
 * A message on our wires: a still has the JPEG as `payload` and what is known of it as `frame`; a job rides along as `job`.
 * Clones of a message share their buffers, so a buffer is never edited in place.
 */
export interface RedeyeMessage extends NodeMessage {
  /** flows put on a message whatever they like */
  [property: string]: unknown;
  frame?: FrameInfo;
  job?: JobHandle;
  detection?: DetectionReport;
}

/** The message's JPEG; throws `message.invalid` when `msg.payload` is none (checked by its first and last bytes only). */
export function jpegOf(msg: Readonly<Record<string, unknown>>): Buffer {
  const bytes = msg.payload;
  if (!(bytes instanceof Uint8Array)) throw wrong('payload', 'must be a Buffer with a JPEG');
  if (bytes.length < 4 || bytes[0] !== 0xff || bytes[1] !== 0xd8) throw wrong('payload', 'is not a JPEG');
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** `msg.frame`, checked; throws `message.invalid` naming the field. */
export function frameOf(msg: Readonly<Record<string, unknown>>): FrameInfo {
  if (typeof msg.frame !== 'object' || msg.frame === null) throw wrong('frame', 'is missing');
  return parseFields(FrameShape, msg.frame as Record<string, unknown>, 'message.invalid', () => 'msg.frame.');
}

/** `msg.frame` of a frame that the server has stored; throws `message.invalid` for one that it has not. */
export function storedFrameOf(msg: Readonly<Record<string, unknown>>): StoredFrame {
  const { id, seq, receivedAt, ...frame } = frameOf(msg);
  if (id === undefined) throw wrong('frame.id', 'is missing: only stored frames have one');
  if (seq === undefined || receivedAt === undefined) throw wrong('frame', 'is not that of a stored frame');
  return { ...frame, id, seq, receivedAt };
}

/** `msg.job`, checked, or undefined when the message carries none; throws `message.invalid` for something else in its place. */
export function jobOf(msg: Readonly<Record<string, unknown>>): JobHandle | undefined {
  if (msg.job === undefined || msg.job === null) return undefined;
  if (typeof msg.job !== 'object') throw wrong('job', 'must be a job of frame-queue');
  return parseFields(JobShape, msg.job as Record<string, unknown>, 'message.invalid', () => 'msg.job.');
}

/** The message's still: its JPEG and what `msg.frame` says of it. */
export function stillOf(msg: Readonly<Record<string, unknown>>): Still {
  const { camera, capturedAt, width, height, jpegQuality } = frameOf(msg);
  return { jpeg: jpegOf(msg), camera, capturedAt, width, height, jpegQuality };
}

function wrong(field: string, what: string): AppError {
  return new AppError('message.invalid', `msg.${field} ${what}`, { field: `msg.${field}` });
}
