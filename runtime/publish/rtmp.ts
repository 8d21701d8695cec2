import { AppError } from '../contracts/errors.ts';
import type { PushHost, PushSpec, PushStatus } from '../contracts/pushes.ts';
import { type NewStream, type StreamFigures, type StreamKind, told } from './kind.ts';
import type { PlacedSpec } from './placed-pushes.ts';

/** Pushes that stay over restarts, beside those of flows. */
export interface KeptPushes extends PushHost {
  keep(spec: PushSpec & Pick<PlacedSpec, 'pushedBy'>, wanted: boolean): PushStatus;
  remove(name: string): void;
  written(): Promise<void>;
}

/** Pushes whose name has a dot feed a stream of another kind. */
const OWN = /^[^.]+$/;

/** Streams of type `rtmp` or `whip`: every push of the host that goes out so. */
export function pushKind(pushes: KeptPushes, type: 'rtmp' | 'whip'): StreamKind {
  return {
    async make({ name, camera, wish, wanted }: NewStream) {
      if (!wish.url) throw new AppError('request.invalid', 'url is missing: where is it to go?', { field: 'url' });
      const { key, sound, insecure, pushed_by: pushedBy } = wish;
      // WHIP endpoints are given out as web addresses.
      const url = type === 'whip' ? wish.url.replace(/^http(s?):/i, 'whip$1:') : wish.url;
      if (/^whips?:/i.test(url) !== (type === 'whip'))
        throw new AppError('push.invalid', `that is no address of type ${type}`, { field: 'url' });
      pushes.keep(
        {
          name,
          camera,
          url,
          ...(key && { key }),
          ...(sound && { sound }),
          ...(insecure && { insecure }),
          ...(pushedBy && { pushedBy }),
        },
        wanted,
      );
      await pushes.written();
    },
    async turn(name, wanted) {
      if (wanted) pushes.switchOn(name);
      else pushes.switchOff(name);
      await pushes.written();
    },
    async remove(name) {
      pushes.remove(name);
      await pushes.written();
    },
    names: () =>
      pushes
        .list()
        .flatMap(({ name, url }) => (OWN.test(name) && url.startsWith('whip') === (type === 'whip') ? [name] : [])),
    figures: (name) => figuresOf(pushes.status(name)),
  };
}

/** A push as its record tells it. */
export function figuresOf(push: PushStatus): StreamFigures {
  return {
    camera: push.camera,
    state: push.state,
    reason: push.reason ?? null,
    wanted: push.wanted,
    url: push.url || null,
    since: told(push.since),
    retry_at: told(push.retryAt),
    bytes: push.bytes,
    bits_per_second: push.bitsPerSecond,
    uptime_s: Math.round(push.uptimeMs / 100) / 10,
    restarts: push.restarts,
    discarded: push.discarded,
    viewers: null,
    pushed_by: push.device === undefined ? 'server' : 'device',
  };
}
