import type { EventMessage } from '../../contracts/events.ts';
import type { Clock } from '../../contracts/host.ts';
import type { EventsService } from '../../contracts/services.ts';
import type { People } from '../auth/people.ts';
import { Answer, type RouteSpec } from '../route.ts';

const KEEP_ALIVE_MS = 15_000;
/** A reader that has this much unread is cut off; it comes back with Last-Event-ID and misses nothing. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/**
 * Server-Sent Events (WHATWG HTML §9.2): `event: event`, `id:` is the outbox number, `data:` the message. A reader that comes back
 * with `Last-Event-ID` gets what it missed.
 */
export function streamRoutes(events: EventsService, clock: Clock, people?: Pick<People, 'onRights'>): RouteSpec[] {
  return [
    {
      method: 'get',
      path: '/stream',
      access: 'viewer',
      tag: 'events',
      summary: 'Server-Sent Events: each event at its start and its end',
      produces: 'text/event-stream',
      async handle({ req, res, user }) {
        res.set({
          'Content-Type': 'text/event-stream',
          'Cache-Control': 'no-cache, no-transform',
          'X-Accel-Buffering': 'no',
        });
        // What has no body is answered whole: nothing would ever end it.
        if (req.method === 'HEAD') return new Answer(200);
        res.flushHeaders();
        const write = (text: string) => {
          if (res.writableLength > MAX_UNREAD_BYTES) res.destroy();
          else res.write(text);
        };
        write('retry: 2000\n\n');
        const onEvent = (message: EventMessage) => {
          if (user.cameras !== null && !user.cameras.includes(message.event.camera)) return;
          write(`id: ${message.n}\nevent: event\ndata: ${JSON.stringify(message)}\n\n`);
        };
        const last = req.get('Last-Event-ID');
        const after = last !== undefined && /^\d{1,15}$/.test(last) ? Number(last) : undefined;
        const release = events.subscribe(onEvent, after === undefined ? {} : { after });
        // Comes back with the rights of now, or not at all.
        const forget = people?.onRights(({ id }) => {
          if (id === user.id) res.end();
        });
        let cancel = () => {};
        const beat = () => {
          write(': still here\n\n');
          cancel = clock.after(KEEP_ALIVE_MS, beat);
        };
        cancel = clock.after(KEEP_ALIVE_MS, beat);
        await new Promise<void>((resolve) => res.once('close', resolve));
        cancel();
        forget?.();
        release();
        return new Answer(200);
      },
    },
  ];
}
