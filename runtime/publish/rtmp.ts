import { AppError } from '../contracts/errors.ts';
import type { PushHost, PushSpec, PushStatus } from '../contracts/pushes.ts';
import { readDestination } from '../media/push/destination.ts';
import { merged, type NewStream, type StreamFigures, type StreamKind, told } from './kind.ts';
import type { PlacedSpec } from './placed-pushes.ts';

/** Pushes that stay over restarts, beside those of flows. */
export interface KeptPushes extends PushHost {
  keep(spec: PushSpec & Pick<PlacedSpec, 'pushedBy'>, wanted: boolean): PushStatus;
  /** With its secrets; throws `push.not_found`. */
  specOf(name: string): PushSpec;
  /** Another destination or sound; on or off as it was. Throws `push.not_found`, `push.invalid`. */
  change(spec: PushSpec): PushStatus;
  /** Throws `push.not_found`, `stream.of_flow`. */
  rename(name: string, to: string): void;
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
      const url = addressOf(type, wish.url);
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
    async change(name, { url, key, sound, insecure }, to) {
      const before = pushes.specOf(name);
      const after = merged(before, {
        ...(url !== undefined && { url: addressOf(type, url) }),
        // An empty key is none.
        ...(key !== undefined && { key: key || null }),
        sound,
        insecure,
      });
      readDestination(after.url ?? '', after.key);
      if (url !== undefined && key === undefined) checkKeptKey(before, after);
      if (to !== name) pushes.rename(name, to);
      pushes.change({ ...after, name: to });
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
    figures(name) {
      const { sound = 'auto', insecure = false } = pushes.specOf(name);
      return { ...figuresOf(pushes.status(name)), settings: { sound, insecure } };
    },
  };
}

/** WHIP endpoints are given out as web addresses. */
function addressOf(type: 'rtmp' | 'whip', given: string): string {
  const url = type === 'whip' ? given.replace(/^http(s?):/i, 'whip$1:') : given;
  if (/^whips?:/i.test(url) !== (type === 'whip'))
    throw new AppError('push.invalid', `that is no address of type ${type}`, { field: 'url' });
  return url;
}

/** A key that nobody reads back must not be readable by having it sent somewhere else, or in the clear. */
function checkKeptKey(before: PushSpec, after: PushSpec): void {
  if (!before.key) return;
  const was = readDestination(before.url ?? '', before.key);
  const is = readDestination(after.url ?? '', after.key);
  if (was.host === is.host && (is.scheme.endsWith('s') || !was.scheme.endsWith('s'))) return;
  throw new AppError('push.invalid', `the key was given for ${was.shown}: give the key for this address too`, {
    field: 'key',
  });
}

/** A push as its record tells it. */
export function figuresOf(push: PushStatus): Omit<StreamFigures, 'settings'> {
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
