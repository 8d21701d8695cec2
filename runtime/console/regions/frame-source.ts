import { computed, ref, shallowRef, watch } from 'vue';
import { useRoute, useRouter } from 'vue-router';
import { calls } from '../api/calls.ts';
import { sayFailed } from '../shell/failures.ts';

const ROLES = ['pre', 'during', 'post'] as const;
type Role = (typeof ROLES)[number];

export interface Frame {
  path: string;
  takenAt: string;
  /** which picture of an event it is; undefined for the newest one */
  role?: Role;
}

/** The picture to draw on: the newest of the camera, or one of an event that the address names (`?event=&role=`). */
export function useFrame(camera: string) {
  const route = useRoute();
  const router = useRouter();
  const frame = shallowRef<Frame>();
  const asked = ref(false);
  const width = ref(1280);
  const height = ref(720);

  async function newest(): Promise<Frame | undefined> {
    const capture = await calls.newestCapture(camera);
    if (!capture) return undefined;
    width.value = capture.width;
    height.value = capture.height;
    return { path: capture.image, takenAt: capture.captured_at };
  }

  async function ofEvent(id: string): Promise<Frame | undefined> {
    const event = await calls.event(id);
    const role = ROLES.find((one) => one === route.query.role) ?? 'during';
    const path = event.images[role];
    return event.camera === camera && path !== undefined ? { path, takenAt: event.started_at, role } : newest();
  }

  async function refresh(): Promise<void> {
    const { event } = route.query;
    try {
      frame.value = typeof event === 'string' ? await ofEvent(event) : await newest();
    } catch (thrown) {
      sayFailed(thrown);
    } finally {
      asked.value = true;
    }
  }

  watch(() => [route.query.event, route.query.role], refresh, { immediate: true });

  return {
    frame,
    asked,
    width,
    height,
    ratio: computed(() => `${width.value} / ${height.value}`),
    refresh,
    useNewest: () => router.replace({ query: {} }),
    /** The picture says itself how large it is, which counts: pixels are what arrow keys move by. */
    onSize(w: number, h: number): void {
      width.value = w;
      height.value = h;
    },
  };
}
