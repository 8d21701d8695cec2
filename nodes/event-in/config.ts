import { Type } from 'typebox';
import { EVENT_TYPES, IMAGE_ROLES } from '../../runtime/contracts/events.ts';

export const version = 1;

const oneOf = <T extends string>(names: readonly T[]) => Type.Enum(['', ...names], { default: '' });

export const schema = Type.Object({
  event: oneOf(EVENT_TYPES),
  camera: Type.String({ default: '', description: 'the camera node; empty for all cameras' }),
  phase: Type.Enum(['start', 'end', ''], {
    default: 'end',
    description: 'empty for both',
  }),
  picture: oneOf(IMAGE_ROLES),
  cooldown_s: Type.Number({ default: 0, minimum: 0, maximum: 86_400, description: 'per camera and kind of event' }),
});
