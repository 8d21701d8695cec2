import { Type } from 'typebox';
import { ID_PATTERN } from '../../runtime/contracts/ids.ts';

const id = Type.String({ pattern: ID_PATTERN });
const whole = Type.Integer({ minimum: 0 });
const side = Type.Integer({ minimum: 1, maximum: 65_535 });

/** `msg.frame` as a node takes it from a wire, where anything may have been put. */
export const FrameShape = Type.Object({
  id: Type.Optional(Type.String({ minLength: 1 })),
  device: id,
  camera: id,
  seq: Type.Optional(whole),
  capturedAt: Type.Number({ minimum: 0 }),
  receivedAt: Type.Optional(Type.Number({ minimum: 0 })),
  width: side,
  height: side,
  jpegQuality: Type.Integer({ minimum: 1, maximum: 100 }),
});

/** `msg.job` as a node takes it from a wire. */
export const JobShape = Type.Object({
  id: whole,
  camera: id,
  seq: whole,
  attempt: whole,
  epoch: whole,
});
