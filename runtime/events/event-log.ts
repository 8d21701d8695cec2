import type { EventMessage } from '../contracts/events.ts';
import type { Log } from '../contracts/host.ts';
import type { OutboxSink } from './outbox-relay.ts';

/** Writes every start and end of an event into the log, in words. */
export function eventLog(log: Log): OutboxSink {
  const events = log.child('events');
  return {
    name: 'log',
    async deliver({ phase, event }: EventMessage) {
      const fields = { id: event.id, type: event.type, camera: event.camera, rois: event.rois };
      // What happens in a moment is said once, at its end.
      if (phase === 'start') {
        if (event.ended_at === null) events.info('event started', fields);
      } else events.info('event ended', { ...fields, seconds: durationS(event), stock_changed: event.stock_changed });
    },
  };
}

function durationS({ started_at, ended_at }: EventMessage['event']): number {
  return ended_at === null ? 0 : (Date.parse(ended_at) - Date.parse(started_at)) / 1000;
}
