import { Type } from 'typebox';

export const version = 1;

export const schema = Type.Object({
  camera: Type.String({ default: '', description: 'the camera node; empty for all cameras' }),
  concurrency: Type.Integer({ default: 2, minimum: 1, maximum: 16, description: 'cameras worked on side by side' }),
});
