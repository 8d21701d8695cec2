import { Type } from 'typebox';

export const version = 1;

export const schema = Type.Object({
  camera: Type.String({ default: '', description: 'the camera node; empty for the only or first camera' }),
  every: Type.Boolean({
    default: false,
    description: 'all cameras of this device instead, each by itself; those which flows bring along are left out',
  }),
  interval_s: Type.Number({
    default: 0,
    minimum: 0,
    maximum: 86_400,
    description: 'time between two pictures; 0: only when asked',
  }),
  width: Type.Optional(
    Type.Integer({ minimum: 16, maximum: 16_384, description: "pixels; the camera's own when empty" }),
  ),
  height: Type.Optional(
    Type.Integer({ minimum: 16, maximum: 16_384, description: "pixels; the camera's own when empty" }),
  ),
  full: Type.Boolean({
    default: false,
    description: 'take it with the camera itself in the size given, though a running stream is interrupted for it',
  }),
  jpeg_quality: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: '80 when empty' })),
});
