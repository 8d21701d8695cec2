import { Type } from 'typebox';
import { LATENCIES, PRIVACIES } from '../../runtime/contracts/published.ts';

export const version = 1;

/** A moment with its zone, or nothing. */
export const MOMENT = '^$|^\\d{4}-\\d\\d-\\d\\d[Tt ]\\d\\d:\\d\\d(:\\d\\d(\\.\\d+)?)?([Zz]|[+-]\\d\\d:\\d\\d)$';

export const schema = Type.Object({
  camera: Type.String({ default: '', description: 'the camera node; empty for the only or first camera' }),
  stream: Type.String({
    default: '',
    pattern: '^([a-z0-9][a-z0-9_-]{0,62})?$',
    description: 'name of the stream, under which API and console know it too; empty for one made from the node',
  }),
  title: Type.String({ default: '', maxLength: 100, description: "empty for the camera's id and the time" }),
  description: Type.String({ default: '', maxLength: 5000, description: 'below the video' }),
  privacy: Type.Enum([...PRIVACIES], { default: 'private', description: 'who may watch' }),
  madeForKids: Type.Boolean({ default: false, description: 'as YouTube asks of every video' }),
  latency: Type.Enum([...LATENCIES], { default: 'low', description: 'ultraLow has no 4K and more breaks' }),
  dvr: Type.Boolean({ default: true, description: 'viewers may go back' }),
  scheduledAt: Type.String({
    default: '',
    pattern: MOMENT,
    description: 'announced for then, and on the air then: date and time with zone; empty for at once',
  }),
  started: Type.Boolean({ default: false, description: 'on from the first Deploy on, as after a `start`' }),
});
