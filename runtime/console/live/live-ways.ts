import { computed, ref } from 'vue';
import type { PlayerState } from '../player/redeye-player.ts';
import '../player/redeye-player.ts';
import { calls } from '../api/calls.ts';
import { toApiError } from '../api/client.ts';
import { usePoll } from '../shell/poll.ts';
import { words } from '../strings.ts';

const ASK_EVERY_MS = 15_000;

/** Whether a camera can be watched live, and what its player tells (`onState`). A server without live pictures has stills only. */
export function useLiveWays(camera: string) {
  const ways = usePoll(async () => {
    try {
      return await calls.liveWays(camera);
    } catch (error) {
      if (toApiError(error).status === 404)
        return { state: 'none' as const, reason: words.live.noLive, now: Date.now(), ways: [], iceServers: [] };
      throw error;
    }
  }, ASK_EVERY_MS);
  const player = ref<PlayerState>({ state: 'idle', reasons: [] });
  const hasLive = computed(() => ways.data.value !== undefined && ways.data.value.state !== 'none');
  return {
    /** false until it is known */
    asked: ways.asked,
    hasLive,
    /** why there are stills only */
    whyNot: computed(() => (ways.data.value?.state === 'none' ? ways.data.value.reason : undefined)),
    player,
    isPlaying: computed(() => player.value.state === 'playing'),
    onState: (event: CustomEvent<PlayerState>) => {
      player.value = event.detail;
    },
  };
}
