import { Type } from 'typebox';

export const version = 1;

export const schema = Type.Object({
  camera: Type.String({ default: '', description: 'the camera node; empty for frames of all cameras' }),
  device: Type.String({
    default: '',
    pattern: '^([a-z0-9][a-z0-9_-]{0,62})?$',
    description: 'only frames of this device; empty for frames of all, `server` for the cameras of the server itself',
  }),
  analyse: Type.Boolean({ default: true, description: 'put each frame into the analysis queue' }),
});
