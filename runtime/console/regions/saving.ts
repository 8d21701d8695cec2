import { computed, ref, shallowRef } from 'vue';
import type { Roi } from '../../contracts/rois.ts';
import { calls, type RoisAnswer } from '../api/calls.ts';
import { toApiError } from '../api/client.ts';
import { sentence } from '../shell/failures.ts';
import { usePoll } from '../shell/poll.ts';
import { say as toast } from '../shell/toasts.ts';
import { words } from '../strings.ts';
import type { Editor } from './editor.ts';

const LOOK_EVERY_MS = 5000;

/** Loads and saves the regions of a camera, and sees when somebody else does; what is newer is never overwritten unasked. */
export function useSaving(camera: string, editor: Editor) {
  const theirs = shallowRef<RoisAnswer>();
  const loaded = ref(false);
  const saving = ref(false);
  const failure = ref<unknown>();
  /** what the server refused about one region, in words */
  const refused = ref<{ index: number; message: string }>();
  const look = usePoll(async () => {
    const answer = await calls.rois(camera);
    take(answer);
    return answer;
  }, LOOK_EVERY_MS);

  function take(answer: RoisAnswer): void {
    if (!loaded.value) {
      editor.load(answer);
      loaded.value = true;
      if (editor.restore()) toast(words.regions.restored);
      if (editor.base.value.version !== answer.version) theirs.value = answer;
    } else if (answer.version > editor.base.value.version && !saving.value) {
      if (editor.dirty.value) theirs.value = answer;
      else editor.load(answer);
    }
  }

  async function put(version: number): Promise<void> {
    const sent: Roi[] = editor.rois.value;
    saving.value = true;
    failure.value = refused.value = undefined;
    try {
      const answer = await calls.putRois(camera, { version, rois: sent });
      editor.saved(answer, sent);
      theirs.value = undefined;
      toast(words.regions.saved(answer.version));
    } catch (thrown) {
      await explainRefusal(thrown);
    } finally {
      saving.value = false;
    }
  }

  async function explainRefusal(thrown: unknown): Promise<void> {
    const error = toApiError(thrown);
    const index = /^rois\.(\d+)\./.exec(error.field ?? '')?.[1];
    if (error.code === 'rois.version_conflict') theirs.value = await calls.rois(camera);
    else if (index !== undefined) {
      refused.value = { index: Number(index), message: sentence(error.message) };
      editor.select(Number(index));
    } else failure.value = error;
  }

  const trouble = computed(() => {
    const i = editor.troubles.value.findIndex((one) => one !== undefined);
    const why = editor.troubles.value[i];
    return why === undefined ? undefined : words.regions.troubleOf(editor.rois.value[i]?.name || `${i + 1}`, why);
  });

  return {
    theirs,
    loaded,
    saving,
    failure,
    refused,
    trouble,
    error: look.error,
    reload: look.refresh,
    canSave: computed(() => loaded.value && editor.dirty.value && !saving.value && trouble.value === undefined),
    save: () => put(editor.base.value.version),
    overwrite: () => put(theirs.value?.version ?? editor.base.value.version),
    takeTheirs(): void {
      if (theirs.value) editor.load(theirs.value);
      theirs.value = failure.value = refused.value = undefined;
    },
  };
}
