import { Type } from 'typebox';

export const version = 1;

export const schema = Type.Object({
  camera: Type.String({ default: '', description: 'the camera node; empty for the only or first camera' }),
  started: Type.Boolean({ default: false, description: 'keep the output ready from Deploy on, as after a `start`' }),
});
