import { shallowRef } from 'vue';
import type { EventRecord } from '../../contracts/events.ts';
import { calls } from '../api/calls.ts';

const EVENTS = 200;
const SHOWN = 20;

/** Peaks of the latest interactions of each region of a camera, to hold a threshold against. */
export function usePast(camera: string): (region: string) => number[] {
  const events = shallowRef<EventRecord[]>([]);
  calls.events({ camera, type: 'interaction_detected', limit: EVENTS }).then(
    (page) => {
      events.value = page.items;
    },
    () => {
      // Without them the threshold is set as well; the slider says that there is nothing to compare with.
      events.value = [];
    },
  );
  return (region) =>
    events.value
      .filter((event) => event.rois.includes(region))
      .slice(0, SHOWN)
      .map((event) => event.score);
}
