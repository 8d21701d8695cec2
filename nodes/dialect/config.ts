import { Type } from 'typebox';

export const version = 1;

export const schema = Type.Object({
  dialect: Type.String({ default: 'compucyto-backend', minLength: 1, description: 'the API that is answered' }),
  operation: Type.String({ default: 'capture', minLength: 1, description: 'what of it, as `capture`' }),
});
