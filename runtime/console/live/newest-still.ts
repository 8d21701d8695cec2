import { computed, ref } from 'vue';
import type { CaptureRecord } from '../../contracts/api.ts';
import { calls } from '../api/calls.ts';
import { currentTime } from '../shell/now.ts';
import { type Polled, usePoll } from '../shell/poll.ts';

const STALE_MS = 30_000;
const STALE_INTERVALS = 3;
const CONFIG_EVERY_MS = 60_000;

/** The newest picture of a camera, asked for every `everyMs`, and whether it is older than it should be. */
export function useNewestStill(camera: { id: string; device: string }, everyMs: number, isCovered = () => false) {
  // A still that nobody sees behind a live picture is not asked for.
  const still: Polled<CaptureRecord | undefined> = usePoll(
    async (): Promise<CaptureRecord | undefined> =>
      isCovered() && still.asked.value ? still.data.value : calls.newestCapture(camera.id),
    everyMs,
  );
  const config = usePoll(() => calls.config(camera.device), CONFIG_EVERY_MS);
  const capturedAt = computed(() => (still.data.value ? Date.parse(still.data.value.captured_at) : undefined));
  const stale = computed(() => {
    if (capturedAt.value === undefined) return false;
    const interval = (config.data.value?.config.capture_interval_s ?? 0) * 1000;
    return currentTime.value - capturedAt.value > Math.max(STALE_MS, STALE_INTERVALS * interval);
  });
  return { still, capturedAt, stale };
}

/** The path of the newest picture as it is now, to begin with until a live one comes. */
export function usePoster(camera: string) {
  const path = ref<string>();
  calls.newestCapture(camera).then(
    (capture) => {
      path.value = capture?.image;
    },
    () => {
      // It begins black, then.
    },
  );
  return path;
}
