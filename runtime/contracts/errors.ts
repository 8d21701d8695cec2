/**
 * Every error code of the product and the HTTP status it maps to. The code is what people search the runbook for,
 * so a code never changes its meaning. `noun.problem`, both lower case.
 */
export const ERROR_CODES = {
  'request.invalid': 400,
  'request.too_large': 413,
  'request.unsupported_type': 415,
  'route.not_found': 404,
  'route.method_not_allowed': 405,
  'auth.missing': 401,
  'auth.invalid': 401,
  'auth.expired': 401,
  'auth.forbidden': 403,
  'auth.password_change': 403,
  'auth.too_many_tries': 429,
  'csrf.refused': 403,
  'user.not_found': 404,
  'user.exists': 409,
  'user.last_admin': 409,
  'credential.not_found': 404,
  'pairing.unknown': 404,
  'pairing.too_many': 429,
  'device.not_found': 404,
  'device.exists': 409,
  'device.disabled': 403,
  'device.foreign': 403,
  'device.built_in': 409,
  'device.offline': 503,
  'camera.not_found': 404,
  'camera.exists': 409,
  'camera.foreign': 403,
  'camera.id_reserved': 400,
  'camera.url_invalid': 400,
  'camera.unreachable': 503,
  'camera.no_picture': 503,
  'camera.busy': 409,
  'camera.bad_answer': 503,
  'camera.key_missing': 503,
  'camera.key_refused': 503,
  'camera.driver_missing': 503,
  'camera.not_supported': 501,
  'camera.no_stream': 409,
  'camera.setting_invalid': 400,
  'offer.invalid': 400,
  'offer.no_codec': 406,
  'stream.b_frames': 406,
  'session.not_found': 404,
  'session.ended': 410,
  'session.stale': 412,
  'session.no_restart': 422,
  'session.limit': 503,
  'webrtc.unavailable': 503,
  'stream.gone': 404,
  'stream.busy': 503,
  'uplink.not_asked': 403,
  'uplink.malformed': 400,
  'uplink.busy': 503,
  'stream.exists': 409,
  'stream.not_found': 404,
  'stream.not_set_up': 409,
  'stream.of_flow': 409,
  'stream.on': 409,
  'push.invalid': 400,
  'push.key_file': 400,
  'push.not_found': 404,
  'config.invalid': 400,
  'rois.invalid': 400,
  'rois.version_conflict': 409,
  'frame.malformed': 400,
  'frame.too_large': 413,
  'frame.seq_taken': 409,
  'ingest.no_flow': 503,
  'ingest.busy': 503,
  'ingest.too_fast': 429,
  'capture.not_found': 404,
  'capture.bytes_gone': 410,
  'event.not_found': 404,
  'image.not_found': 404,
  'image.unsaved': 503,
  'product.not_found': 404,
  'video.not_found': 404,
  'capture.busy': 503,
  'picture.not_asked': 403,
  'job.not_found': 404,
  'job.not_retryable': 409,
  'job.lease_lost': 409,
  'retention.running': 409,
  'command.unknown': 404,
  'command.not_found': 404,
  'command.refused': 503,
  'command.timeout': 503,
  'command.expired': 410,
  'command.replayed': 409,
  'command.interrupted': 503,
  'command.forbidden': 403,
  'command.busy': 503,
  'host.not_here': 500,
  'node.config_invalid': 400,
  'message.invalid': 400,
  'flow.invalid': 400,
  // Not 409: the flow editor takes that for a conflict of its own kind and does not show the message.
  'flow.conflict': 400,
  'deployment.not_found': 404,
  'deployment.no_devices': 409,
  'deployment.nothing_new': 409,
  'deployment.no_sealing_key': 409,
  'deployment.over': 409,
  'deployment.not_waiting': 409,
  'deployment.signature_invalid': 400,
  'bundle.invalid': 400,
  'bundle.stale': 409,
  'bundle.untrusted': 403,
  'bundle.gone': 404,
  'bundle.failed': 503,
  'flows.stopped': 503,
  'setting.invalid': 500,
  'runtime.too_old': 500,
  'data_dir.locked': 500,
  'db.unavailable': 503,
  'db.newer': 500,
  'db.broken': 500,
  'disk.full': 503,
  'disk.failed': 503,
  'broker.unavailable': 503,
  'spool.full': 507,
  'process.failed': 503,
  'process.missing': 503,
  'stepper.disabled': 409,
  'stepper.moving': 409,
  'stepper.limit': 409,
  'stepper.too_fast': 429,
  'stepper.failed': 503,
  'dialect.left_out': 501,
  'livekit.unavailable': 503,
  'livekit.key_refused': 503,
  'livekit.no_redis': 503,
  'livekit.room_forbidden': 403,
  'youtube.unavailable': 503,
  'internal.error': 500,
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface ErrorDetails {
  /** the field of the request or setting that is wrong */
  field?: string;
  /** seconds after which another try makes sense */
  retryAfterS?: number;
  [name: string]: unknown;
}

/**
 * The one error class of the product: a code for programs, a sentence for people, and the cause.
 * It is mapped once per border: HTTP → answer, node → status and `done`, job → retry or bury.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'AppError';
    this.code = code;
    this.details = details;
  }

  /** By its looks, not its origin: a node package of its own, and a test beside the built nodes, bring a second copy of this class. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Error && value.name === 'AppError' && 'code' in value && 'details' in value;
  }

  /** HTTP status of this error's code. */
  get status(): number {
    return ERROR_CODES[this.code];
  }
}

/** Turns whatever was thrown into an AppError; what is not ours becomes `internal.error` with the original as cause. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new AppError('internal.error', message, {}, { cause: thrown });
}

/** File errors which say that bytes are not there, or that the disk cannot give them. */
const LOST_BYTES = new Set(['ENOENT', 'EIO', 'EISDIR', 'ENOTDIR']);

/** Tells of an error from reading a stored frame whether another try cannot help: row or bytes are gone, or are not what was stored. */
export function isFrameLost(error: unknown): boolean {
  if (error instanceof AppError) return error.code.startsWith('capture.') || error.code === 'frame.malformed';
  return LOST_BYTES.has((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}
