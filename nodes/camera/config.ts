import { Type } from 'typebox';

export const version = 1;

export const schema = Type.Object({
  camera: Type.String({
    default: '',
    pattern: '^([a-z0-9][a-z0-9_-]{0,62})?$',
    description: "id of the camera; empty for this device's only or first one",
  }),
});
