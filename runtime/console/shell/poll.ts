import { onScopeDispose, type Ref, ref, shallowRef } from 'vue';
import { type ApiError, toApiError } from '../api/client.ts';

export interface Polled<T> {
  data: Ref<T | undefined>;
  error: Ref<ApiError | undefined>;
  /** true once there was an answer, be it that there is nothing */
  asked: Ref<boolean>;
  /** asks now; resolves when the answer is in, never throws */
  refresh: () => Promise<void>;
}

/** Asks now and every `ms` while the page is seen and the component lives. What was known stays while an answer fails. */
export function usePoll<T>(ask: () => Promise<T>, ms: number): Polled<T> {
  const data = shallowRef<T>();
  const error = ref<ApiError>();
  const asked = ref(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ended = false;
  let turn = 0;

  const refresh = async () => {
    clearTimeout(timer);
    turn += 1;
    const mine = turn;
    try {
      const answer = await ask();
      if (mine !== turn || ended) return;
      data.value = answer;
      asked.value = true;
      error.value = undefined;
    } catch (thrown) {
      if (mine !== turn || ended) return;
      error.value = toApiError(thrown);
    }
    if (!document.hidden) timer = setTimeout(refresh, ms);
  };
  const onVisibility = () => {
    if (!document.hidden) void refresh();
  };
  document.addEventListener('visibilitychange', onVisibility);
  onScopeDispose(() => {
    ended = true;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', onVisibility);
  });
  void refresh();
  return { data, error, asked, refresh };
}
