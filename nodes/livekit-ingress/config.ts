import { Type } from 'typebox';
import { PUSH_SOUNDS } from '../../runtime/contracts/pushes.ts';
import { INGRESS_WAYS } from '../../runtime/contracts/rooms.ts';

export const version = 1;

export const schema = Type.Object({
  camera: Type.String({ default: '', description: 'the camera node; empty for the only or first camera' }),
  stream: Type.String({
    default: '',
    pattern: '^([a-z0-9][a-z0-9_-]{0,62})?$',
    description: 'name of the stream, under which API and console know it too; empty for one made from the node',
  }),
  room: Type.String({ default: '', pattern: '^[A-Za-z0-9_-]{0,64}$', description: "empty for the camera's id" }),
  via: Type.Enum([...INGRESS_WAYS], {
    default: 'whip',
    description: 'whip: LiveKit hands it on as it is; rtmp: it is transcoded there',
  }),
  sound: Type.Enum([...PUSH_SOUNDS], { default: 'auto', description: 'by WHIP only Opus goes along' }),
  started: Type.Boolean({ default: false, description: 'on from the first Deploy on, as after a `start`' }),
});
