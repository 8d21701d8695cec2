import type { LiveWays } from '../../contracts/live.ts';
import { playerStrings as words } from '../strings/player.ts';
import { Refusal, type Source, wordsOf } from './source.ts';
import type { Stage, Surface } from './stage.ts';
import { openHls } from './ways/hls.ts';
import { openLivekit } from './ways/livekit.ts';
import { openMjpeg } from './ways/mjpeg.ts';
import type { OpensWay, OpenWay, WayName } from './ways/way.ts';
import { openWhep } from './ways/whep.ts';

interface Rung {
  name: WayName;
  open: OpensWay;
  kind: 'video' | 'canvas';
  /** there only where the server tells of it */
  isOffered?: boolean;
}

/** Best first. */
const WAYS: readonly Rung[] = [
  // Only while the server says that the camera is in a room: what it does not tell of is not there.
  { name: 'livekit', open: openLivekit, kind: 'video', isOffered: true },
  { name: 'whep', open: openWhep, kind: 'video' },
  { name: 'hls', open: openHls, kind: 'video' },
  { name: 'mjpeg', open: openMjpeg, kind: 'canvas' },
];
const AGAIN_FIRST_MS = 2000;
const AGAIN_LONGEST_MS = 60_000;
const BETTER_FIRST_MS = 5000;
const BETTER_LONGEST_MS = 300_000;
/** A camera without a stream now: its device may be back in a moment, as after a restart of the server. */
const NONE_MS = 5000;

/** So long nothing is heard before the server need not send it any more: a click to and fro costs no new session. */
const SILENT_MS = 5000;

/** What a viewer is told. */
export interface Standing {
  /** `ended`: by somebody with the right to; it does not begin again by itself */
  state: 'idle' | 'connecting' | 'playing' | 'waiting' | 'none' | 'ended';
  /** the way in use */
  way?: WayName;
  /** why no better way is in use; or why there is no picture at all */
  reasons: { way?: WayName; reason: string }[];
  /** the credential does not do: it is missing, or has expired */
  needsToken?: boolean;
}

interface Shown {
  index: number;
  way: OpenWay;
  surface: Surface;
  /** resolves when it ended by itself, with why */
  ended: Promise<unknown>;
}

/** Takes the best way that works, the next one when it ends, and a better one again when that works. */
export class Ladder {
  readonly #source: Source;
  readonly #stage: Stage;
  readonly #onChange: (standing: Standing) => void;
  readonly #reasons = new Map<WayName, string>();
  #shown: Shown | undefined;
  #running: AbortController | undefined;
  #wantsSound = false;
  #silence: ReturnType<typeof setTimeout> | undefined;
  /** has the way in use looked at again */
  #onSound = () => {};
  /** a way that could not be opened anew for its sound, and stays as it is until sound is switched again */
  #kept: OpenWay | undefined;

  constructor(source: Source, stage: Stage, onChange: (standing: Standing) => void) {
    this.#source = source;
    this.#stage = stage;
    this.#onChange = onChange;
  }

  /** The way whose pictures are seen. */
  get way(): OpenWay | undefined {
    return this.#shown?.way;
  }

  /** Says whether sound is to be heard. A way that is open without it is opened anew with it, and the other way round after a while. */
  wantSound(wants: boolean): void {
    this.#wantsSound = wants;
    this.#kept = undefined;
    clearTimeout(this.#silence);
    if (wants) this.#onSound();
    else this.#silence = setTimeout(() => this.#onSound(), SILENT_MS);
  }

  start(): void {
    if (this.#running) return;
    const running = new AbortController();
    this.#running = running;
    this.#run(running.signal).catch((error: unknown) => {
      if (running.signal.aborted) return;
      this.stop();
      this.#onChange({ state: 'waiting', reasons: [{ reason: wordsOf(error) }] });
    });
  }

  /** Ends every connection; the last picture stays. */
  stop(): void {
    this.#running?.abort(new Error('stopped'));
    this.#running = undefined;
    clearTimeout(this.#silence);
    this.#reasons.clear();
    this.#letGo();
    this.#onChange({ state: 'idle', reasons: [] });
  }

  async #run(signal: AbortSignal): Promise<void> {
    let from = 0;
    let pauseMs = AGAIN_FIRST_MS;
    for (;;) {
      this.#onChange({ state: 'connecting', reasons: [] });
      const trouble = await this.#climb(from, WAYS.length, signal);
      from = 0;
      if (this.#shown) {
        pauseMs = AGAIN_FIRST_MS;
        const { index, reason } = await this.#hold(signal);
        from = index + 1;
        if (!isEnding(reason)) continue;
        this.#onChange(endedBy(reason));
        return;
      }
      this.#onChange(trouble ?? { state: 'waiting', reasons: this.#reasonsAbove(WAYS.length) });
      if (trouble?.state === 'ended') return;
      await sleep(trouble?.state === 'none' ? NONE_MS : pauseMs, signal);
      pauseMs = Math.min(pauseMs * 2, AGAIN_LONGEST_MS);
    }
  }

  /** Stays with the way in use, tries better ones meanwhile. Answers the index of the one that ended, and why it did. */
  async #hold(signal: AbortSignal): Promise<{ index: number; reason: unknown }> {
    let pauseMs = BETTER_FIRST_MS;
    for (;;) {
      const before = this.#shown;
      const { index, ended } = before ?? { index: 0, ended: Promise.resolve(undefined) };
      let isOver = false;
      let reason: unknown;
      const over = ended.then((why) => {
        isOver = true;
        reason = why;
      });
      let isOther = false;
      const other = new Promise<void>((resolve) => {
        this.#onSound = () => {
          isOther = before?.way.asksSound === !this.#wantsSound && before.way !== this.#kept;
          if (isOther) resolve();
        };
      });
      this.#onSound();
      await (index === 0
        ? aborting(Promise.race([over, other]), signal)
        : Promise.race([over, other, sleep(pauseMs, signal)]));
      if (!isOver && isOther) await this.#climb(index, index + 1, signal);
      else if (!isOver && index > 0) await this.#climb(0, index, signal);
      if (this.#shown !== before) continue;
      if (isOther) this.#kept = before?.way;
      if (isOver) {
        this.#letGo();
        return { index, reason };
      }
      this.#tellPlaying();
      pauseMs = Math.min(pauseMs * 2, BETTER_LONGEST_MS);
    }
  }

  /** Tries the ways in order until one shows pictures. Answers what stands in the way of all, undefined when that is each one's own. */
  async #climb(from: number, to: number, signal: AbortSignal): Promise<Standing | undefined> {
    try {
      const known = await this.#source.ways(signal);
      if (known.state === 'none') return { state: 'none', reasons: [{ reason: known.reason ?? words.states.none }] };
      for (let index = from; index < to; index += 1) if (await this.#try(index, known, signal)) return undefined;
      return undefined;
    } catch (error) {
      if (signal.aborted) throw error;
      if (isEnding(error)) return endedBy(error);
      const needsToken = error instanceof Refusal && error.status === 401;
      return { state: 'waiting', reasons: [{ reason: wordsOf(error) }], needsToken };
    }
  }

  /** True when its pictures are shown; throws a Refusal that is for all ways. */
  async #try(index: number, known: LiveWays, signal: AbortSignal): Promise<boolean> {
    const rung = WAYS[index];
    if (!rung) return false;
    const offered = known.ways.find(({ name }) => name === rung.name);
    if (!offered && rung.isOffered) {
      this.#reasons.delete(rung.name);
      return false;
    }
    const told = offered?.reason;
    if (told !== undefined) {
      this.#reasons.set(rung.name, told);
      return false;
    }
    const surface = this.#stage.add(rung.kind);
    let onEnd = (_reason: unknown) => {};
    const ended = new Promise<unknown>((resolve) => {
      onEnd = (reason) => {
        this.#reasons.set(rung.name, wordsOf(reason));
        resolve(reason);
      };
    });
    try {
      const way = await rung.open({
        source: this.#source,
        known,
        surface,
        wantsSound: this.#wantsSound,
        signal,
        onEnd: (reason) => onEnd(reason),
      });
      if (signal.aborted) {
        way.close();
        throw signal.reason;
      }
      this.#reasons.delete(rung.name);
      const before = this.#shown;
      this.#shown = { index, way, surface, ended };
      await this.#stage.show(surface);
      before?.way.close();
      this.#tellPlaying();
      return true;
    } catch (error) {
      this.#stage.drop(surface);
      if (signal.aborted || (error instanceof Refusal && error.isFinal)) throw error;
      this.#reasons.set(rung.name, wordsOf(error));
      return false;
    }
  }

  #letGo(): void {
    if (!this.#shown) return;
    this.#stage.freeze();
    this.#shown.way.close();
    this.#stage.drop(this.#shown.surface);
    this.#shown = undefined;
  }

  #tellPlaying(): void {
    if (!this.#shown) return;
    const { index } = this.#shown;
    this.#onChange({ state: 'playing', way: WAYS[index]?.name, reasons: this.#reasonsAbove(index) });
  }

  #reasonsAbove(index: number): Standing['reasons'] {
    return WAYS.slice(0, index).flatMap(({ name }) => {
      const reason = this.#reasons.get(name);
      return reason === undefined ? [] : [{ way: name, reason }];
    });
  }
}

function isEnding(reason: unknown): boolean {
  return reason instanceof Refusal && reason.isEnding;
}

function endedBy(reason: unknown): Standing {
  return { state: 'ended', reasons: [{ reason: wordsOf(reason) }] };
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const slept = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  return aborting(slept, signal).finally(() => clearTimeout(timer));
}

/** The work, or the signal's reason if that comes first. */
function aborting(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
