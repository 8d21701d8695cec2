import { computed, ref, shallowRef, watch } from 'vue';
import type { Roi } from '../../contracts/rois.ts';
import type { RoisAnswer } from '../api/calls.ts';
import { words } from '../strings.ts';
import { keepInside, moved, type Point, polygonTrouble, rounded, type Trouble } from './geometry.ts';
import { History } from './history.ts';

const NAME = /^[A-Za-z0-9_-]{1,40}$/;
const COPY_OFFSET = 0.03;
const say = words.regions;

export type Editor = ReturnType<typeof useEditor>;

/**
 * The regions of one camera while they are edited: what is saved (`base`), what is drawn (`rois`), what is selected, and every step
 * back. Unsaved work outlives a reload of the page.
 */
export function useEditor(camera: string) {
  const base = shallowRef<RoisAnswer>({ version: 0, rois: [] });
  const rois = shallowRef<Roi[]>([]);
  const selected = ref<number>();
  const point = ref<number>();
  const drawing = shallowRef<Point[]>();
  const steps = ref(0);
  const history = new History<Roi[]>();
  const key = `redeye.regions.${camera}`;

  const current = computed(() => (selected.value === undefined ? undefined : rois.value[selected.value]));
  const dirty = computed(() => JSON.stringify(rois.value) !== JSON.stringify(base.value.rois));
  const troubles = computed(() => rois.value.map((roi, i) => troubleOf(roi, i, rois.value)));

  watch(rois, () => {
    if (dirty.value) sessionStorage.setItem(key, JSON.stringify({ version: base.value.version, rois: rois.value }));
    else sessionStorage.removeItem(key);
  });

  /** Every change goes through here; changes of one kind in a row are one step back. */
  function change(next: Roi[], kind = ''): void {
    history.note(rois.value, kind, performance.now());
    steps.value += 1;
    rois.value = next;
  }

  function update(i: number, part: Partial<Roi>, kind = ''): void {
    change(
      rois.value.map((roi, at) => (at === i ? withPart(roi, part) : roi)),
      kind === '' ? '' : `${kind} ${i}`,
    );
  }

  function select(i: number | undefined, at?: number): void {
    selected.value = i;
    point.value = at;
  }

  function setPoints(points: Point[], kind = ''): void {
    if (selected.value !== undefined) update(selected.value, { points: rounded(points) }, kind);
  }

  function add(points: Point[]): void {
    change([...rois.value, { name: freeName(), kind: 'interaction', points: rounded(points) }]);
    select(rois.value.length - 1);
  }

  function freeName(): string {
    const taken = new Set(rois.value.map((roi) => roi.name));
    let n = rois.value.length + 1;
    while (taken.has(say.newName(n))) n += 1;
    return say.newName(n);
  }

  function step(from: (now: Roi[]) => Roi[] | undefined): void {
    const state = from(rois.value);
    if (state === undefined) return;
    rois.value = state;
    steps.value += 1;
    if (selected.value !== undefined && selected.value >= state.length) select(undefined);
    point.value = undefined;
  }

  return {
    base,
    rois,
    selected,
    point,
    drawing,
    current,
    dirty,
    troubles,
    canUndo: computed(() => steps.value >= 0 && history.canUndo),
    canRedo: computed(() => steps.value >= 0 && history.canRedo),
    update,
    select,
    setPoints,
    add,
    undo: () => step((now) => history.undo(now)),
    redo: () => step((now) => history.redo(now)),

    /** What the server has is what is edited from now on. */
    load(answer: RoisAnswer): void {
      base.value = answer;
      rois.value = answer.rois;
      history.clear();
      steps.value += 1;
      if (selected.value !== undefined && selected.value >= answer.rois.length) select(undefined);
    },

    /** What was saved; what was drawn since stays. */
    saved(answer: RoisAnswer, sent: Roi[]): void {
      const untouched = rois.value === sent;
      base.value = answer;
      if (untouched) rois.value = answer.rois;
      else rois.value = [...rois.value];
    },

    /** Unsaved work of an earlier visit, made on this version; true when there was some. */
    restore(): boolean {
      const kept = sessionStorage.getItem(key);
      if (kept === null) return false;
      const draft = JSON.parse(kept) as RoisAnswer;
      // Made on an older version: saving it must be refused, so that nothing newer is overwritten unseen.
      if (draft.version !== base.value.version) base.value = { ...base.value, version: draft.version };
      rois.value = draft.rois;
      return dirty.value;
    },

    movePoint(at: number, to: Point, snapX = 0, snapY = 0): void {
      const roi = current.value;
      if (!roi) return;
      const next: Point = [keepInside(to[0], snapX), keepInside(to[1], snapY)];
      setPoints(roi.points.map((old, i) => (i === at ? next : old)) as Point[], `point ${at}`);
    },

    moveAll(dx: number, dy: number): void {
      const roi = current.value;
      if (roi) setPoints(moved(roi.points as Point[], dx, dy), 'move');
    },

    /** A point more, after the one at `edge`; it is selected. */
    insertPoint(edge: number, at: Point): void {
      const roi = current.value;
      if (!roi || roi.points.length >= 32) return;
      setPoints([...roi.points.slice(0, edge + 1), at, ...roi.points.slice(edge + 1)] as Point[]);
      point.value = edge + 1;
    },

    /** The selected point goes, down to three. */
    removePoint(): void {
      const roi = current.value;
      const at = point.value;
      if (!roi || at === undefined || roi.points.length <= 3) return;
      setPoints(roi.points.filter((_, i) => i !== at) as Point[]);
      point.value = Math.min(at, roi.points.length - 2);
    },

    remove(i: number): void {
      change(rois.value.filter((_, at) => at !== i));
      select(undefined);
    },

    copy(i: number): void {
      const roi = rois.value[i];
      if (!roi) return;
      const taken = new Set(rois.value.map((other) => other.name));
      let n = 2;
      while (taken.has(say.copyName(roi.name, n))) n += 1;
      const points = rounded(moved(roi.points as Point[], COPY_OFFSET, COPY_OFFSET));
      change([...rois.value, { ...roi, name: say.copyName(roi.name, n), points }]);
      select(rois.value.length - 1);
    },
  };
}

/** In words why the server would refuse the region; undefined when it would not. */
function troubleOf(roi: Roi, i: number, all: Roi[]): string | undefined {
  if (!NAME.test(roi.name)) return say.trouble.name;
  if (all.some((other, at) => at < i && other.name === roi.name)) return say.trouble.twice;
  const trouble: Trouble | undefined = polygonTrouble(roi.points as Point[]);
  return trouble && say.trouble[trouble];
}

/** `threshold: undefined` takes it away: the device's counts again. */
function withPart(roi: Roi, part: Partial<Roi>): Roi {
  const { threshold, ...rest } = { ...roi, ...part };
  return threshold === undefined ? rest : { ...rest, threshold };
}
