import { type Ref, ref, watch } from 'vue';
import { type ApiError, toApiError } from '../api/client.ts';
import { explain } from '../shell/failures.ts';

export interface Submitting {
  /** what is under way, by its word; empty: nothing */
  busy: Ref<string>;
  /** what failed and belongs to no field */
  failure: Ref<ApiError | undefined>;
  /** what is wrong with the field that `belongs` names, in words */
  wrong: Ref<string>;
  /** Does the work and answers whether it went well; never throws. Only one at a time. */
  run: (work: () => Promise<void>, doing?: string) => Promise<boolean>;
}

/** The sending of a dialog's form: what is under way and what went wrong. Opening or closing forgets it, and calls `reset`. */
export function useSubmitting(
  open: Ref<boolean>,
  { reset, belongs }: { reset: (isOpen: boolean) => void; belongs?: (error: ApiError) => boolean },
): Submitting {
  const busy = ref('');
  const failure = ref<ApiError>();
  const wrong = ref('');
  watch(open, (isOpen) => {
    failure.value = undefined;
    wrong.value = '';
    reset(isOpen);
  });

  async function run(work: () => Promise<void>, doing = 'submit'): Promise<boolean> {
    if (busy.value !== '') return false;
    busy.value = doing;
    failure.value = undefined;
    wrong.value = '';
    try {
      await work();
      return true;
    } catch (thrown) {
      const error = toApiError(thrown);
      if (belongs?.(error)) wrong.value = explain(error).text;
      else failure.value = error;
      return false;
    } finally {
      busy.value = '';
    }
  }
  return { busy, failure, wrong, run };
}
