import { Type } from 'typebox';

export const version = 1;

export const schema = Type.Object({
  device: Type.String({ default: '', description: 'id of the device; empty: msg.device says it' }),
  command: Type.String({
    default: 'snapshot',
    pattern: '^[a-z][a-z0-9-]{0,39}$',
    description: 'snapshot, restart, reboot, logs, identify, or one that only this device knows',
  }),
  ttl_s: Type.Number({
    default: 60,
    minimum: 1,
    maximum: 604_800,
    description: 'how long it is kept for a device that is away',
  }),
});
