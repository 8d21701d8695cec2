import { Type } from 'typebox';

export const version = 1;

export const schema = Type.Object({
  device: Type.String({ default: '', description: 'id of the device; empty for all' }),
  kind: Type.Enum(['', 'state', 'info', 'heartbeat'], {
    default: 'state',
    description: 'state: it comes, goes or is degraded; info: what it is made of; heartbeat: its health; empty: all',
  }),
});
