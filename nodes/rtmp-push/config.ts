import { Type } from 'typebox';
import { PUSH_SOUNDS } from '../../runtime/contracts/pushes.ts';

export const version = 1;

export const schema = Type.Object({
  camera: Type.String({ default: '', description: 'the camera node; empty for the only or first camera' }),
  push: Type.String({
    default: '',
    pattern: '^([a-z0-9][a-z0-9_-]{0,62})?$',
    description: 'name of the push, under which API and console know it too; empty for one made from the node',
  }),
  url: Type.String({
    default: '',
    description:
      'rtmp:// or rtmps:// address, whip:// or whips:// for WHIP; empty for RTMP_URL of the key file or of this host',
  }),
  keyFile: Type.String({ default: '', description: 'file with RTMP_URL= and STREAM_KEY=, read at each start' }),
  sound: Type.Enum([...PUSH_SOUNDS], {
    default: 'auto',
    description: "auto: the camera's AAC, else silence; camera: its AAC or none; silent; none",
  }),
  insecure: Type.Boolean({ default: false, description: 'take a certificate that nobody vouches for' }),
  started: Type.Boolean({ default: false, description: 'on from the first Deploy on, as after a `start`' }),
});
