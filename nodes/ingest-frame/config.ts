import { Type } from 'typebox';

export const version = 1;

export const schema = Type.Object({
  camera: Type.String({ default: '', description: 'the camera node; empty for frames of all cameras' }),
  analyse: Type.Boolean({ default: true, description: 'put each frame into the analysis queue' }),
});
