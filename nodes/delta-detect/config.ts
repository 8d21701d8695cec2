import { Type } from 'typebox';

export const version = 1;

export const schema = Type.Object({});
