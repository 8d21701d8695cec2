import { computed } from 'vue';
import { calls } from '../api/calls.ts';
import { currentTime } from '../shell/now.ts';
import { usePoll } from '../shell/poll.ts';

const STALE_MS = 30_000;
const STALE_INTERVALS = 3;
const CONFIG_EVERY_MS = 60_000;

/** The newest picture of a camera, asked for every `everyMs`, and whether it is older than it should be. */
export function useNewestStill(camera: { id: string; device: string }, everyMs: number) {
  const still = usePoll(() => calls.newestCapture(camera.id), everyMs);
  const config = usePoll(() => calls.config(camera.device), CONFIG_EVERY_MS);
  const capturedAt = computed(() => (still.data.value ? Date.parse(still.data.value.captured_at) : undefined));
  const stale = computed(() => {
    if (capturedAt.value === undefined) return false;
    const interval = (config.data.value?.config.capture_interval_s ?? 0) * 1000;
    return currentTime.value - capturedAt.value > Math.max(STALE_MS, STALE_INTERVALS * interval);
  });
  return { still, capturedAt, stale };
}
