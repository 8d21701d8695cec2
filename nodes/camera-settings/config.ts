import { Type } from 'typebox';

export const version = 1;

export const schema = Type.Object({
  camera: Type.String({ default: '', description: 'the camera node; empty for the only or first camera' }),
  auto: Type.Boolean({ default: false, description: 'leave exposure and gain to the camera' }),
  exposure: Type.Optional(Type.Number({ minimum: 0, description: 'ms; empty: as it is' })),
  gain: Type.Optional(Type.Number({ minimum: 0, description: 'empty: as it is' })),
  width: Type.Optional(Type.Integer({ minimum: 1, maximum: 16_384, description: 'pixels; with the height' })),
  height: Type.Optional(Type.Integer({ minimum: 1, maximum: 16_384, description: 'pixels; with the width' })),
  fps: Type.Optional(Type.Number({ minimum: 0, description: 'pictures a second of the live stream; empty: as it is' })),
});
