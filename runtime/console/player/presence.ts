/** Switching tabs to and fro, or scrolling by, ends nothing. */
const GRACE_MS = 2000;
/** Begins a little before it scrolls into sight. */
const MARGIN = '120px';

/** Tells whether somebody can see an element: its page is in front and it is scrolled into sight, or its video floats by itself. */
export class Presence {
  readonly #element: HTMLElement;
  readonly #isDetached: () => boolean;
  readonly #onChange: () => void;
  #sight: IntersectionObserver | undefined;
  #isInSight = false;
  #isSeen = false;
  #leaving: ReturnType<typeof setTimeout> | undefined;

  constructor(element: HTMLElement, isDetached: () => boolean, onChange: () => void) {
    this.#element = element;
    this.#isDetached = isDetached;
    this.#onChange = onChange;
  }

  get isSeen(): boolean {
    return this.#isSeen;
  }

  start(): void {
    this.#sight = new IntersectionObserver(
      (entries) => {
        this.#isInSight = entries.at(-1)?.isIntersecting ?? false;
        this.look();
      },
      { rootMargin: MARGIN },
    );
    this.#sight.observe(this.#element);
    document.addEventListener('visibilitychange', this.look);
    addEventListener('pagehide', this.#leave);
    addEventListener('pageshow', this.look);
  }

  stop(): void {
    this.#sight?.disconnect();
    document.removeEventListener('visibilitychange', this.look);
    removeEventListener('pagehide', this.#leave);
    removeEventListener('pageshow', this.look);
    clearTimeout(this.#leaving);
    this.#leaving = undefined;
    this.#isInSight = false;
    this.#isSeen = false;
  }

  /** Looks again, after a change that only the element knows of. */
  readonly look = (): void => {
    const isSeen = this.#isDetached() || (this.#isInSight && !document.hidden);
    if (isSeen) {
      clearTimeout(this.#leaving);
      this.#leaving = undefined;
      this.#set(true);
    } else if (this.#isSeen) this.#leaving ??= setTimeout(this.#leave, GRACE_MS);
  };

  readonly #leave = (): void => {
    clearTimeout(this.#leaving);
    this.#leaving = undefined;
    this.#set(false);
  };

  #set(isSeen: boolean): void {
    if (this.#isSeen === isSeen) return;
    this.#isSeen = isSeen;
    this.#onChange();
  }
}
