import { playerStrings as words } from '../strings/player.ts';
import { type IconName, icon, shape } from './icons.ts';
import type { Standing } from './ladder.ts';

/** What the buttons and keys do. */
export interface Actions {
  togglePause(): void;
  toggleSound(): void;
  setVolume(volume: number): void;
  toggleFullScreen(): void;
  togglePictureInPicture(): void;
  saveStill(): void;
}

/** What the buttons show. */
export interface Look {
  standing: Standing;
  isPaused: boolean;
  isMuted: boolean;
  hasSound: boolean;
  isFullScreen: boolean;
  /** a video is shown, and this browser can detach it */
  canDetach: boolean;
}

const KEYS: Record<string, keyof Omit<Actions, 'setVolume'>> = {
  ' ': 'togglePause',
  m: 'toggleSound',
  f: 'toggleFullScreen',
  p: 'togglePictureInPicture',
  s: 'saveStill',
};

/** The line below the picture: what is shown and why not better, and the buttons. */
export class Controls {
  readonly root = element('div', 'bar');
  readonly #actions: Actions;
  readonly #state = element('span', 'state');
  readonly #way = element('span', 'muted');
  readonly #reason = element('span', 'reason');
  readonly #delay = element('span', 'muted num');
  readonly #pause: HTMLButtonElement;
  readonly #sound: HTMLButtonElement;
  readonly #volume = element('input', '');
  readonly #still: HTMLButtonElement;
  readonly #detach: HTMLButtonElement;
  readonly #full: HTMLButtonElement;

  constructor(actions: Actions) {
    this.#actions = actions;
    const status = element('div', 'status');
    const said = element('p', '');
    // What changes each second is not read out.
    said.setAttribute('role', 'status');
    said.append(this.#state, ' ', this.#way, ' ', this.#reason);
    status.append(said, this.#delay);
    const buttons = element('div', 'buttons');
    this.#pause = this.#button('togglePause');
    this.#sound = this.#button('toggleSound');
    this.#still = this.#button('saveStill');
    this.#detach = this.#button('togglePictureInPicture');
    this.#full = this.#button('toggleFullScreen');
    Object.assign(this.#volume, { type: 'range', min: '0', max: '1', step: '0.05', value: '1' });
    this.#volume.setAttribute('aria-label', words.volume);
    this.#volume.addEventListener('input', () => actions.setVolume(this.#volume.valueAsNumber));
    buttons.append(this.#pause, this.#sound, this.#volume, this.#still, this.#detach, this.#full);
    this.root.append(status, buttons);
  }

  show({ standing, isPaused, isMuted, hasSound, isFullScreen, canDetach }: Look): void {
    const { state, way, reasons } = standing;
    const isPlaying = state === 'playing';
    const tone = isPlaying ? 'good' : state === 'waiting' || state === 'ended' ? 'warn' : 'off';
    const word = isPaused && state !== 'ended' ? words.states.paused : words.states[state];
    replace(this.#state, `${tone} ${word}`, () => [shape(tone), word]);
    replace(this.#way, way ? words.ways[way] : '');
    replace(this.#reason, reasonsOf(standing));
    this.root.title = reasons.length > 1 ? reasonsOf(standing) : '';
    if (!isPlaying) this.tellDelay(undefined);
    set(this.#pause, isPaused ? 'play' : 'pause', isPaused ? words.play : words.pause, '␣');
    set(this.#sound, isMuted ? 'silent' : 'sound', isMuted ? words.unmute : words.mute, 'm');
    set(this.#still, 'still', words.snapshot, 's');
    set(this.#detach, 'inset', words.pictureInPicture, 'p');
    set(this.#full, isFullScreen ? 'small' : 'full', isFullScreen ? words.leaveFullScreen : words.fullScreen, 'f');
    this.#sound.hidden = !(isPlaying && hasSound);
    this.#volume.hidden = !(isPlaying && hasSound) || isMuted;
    this.#still.hidden = !isPlaying;
    this.#detach.hidden = !(isPlaying && canDetach);
    this.#pause.hidden = state === 'none';
    this.#full.hidden = state === 'none' || !document.fullscreenEnabled;
  }

  tellDelay(ms: number | undefined): void {
    replace(this.#delay, ms === undefined ? '' : words.behind(ms));
  }

  /** Does what the key stands for; false when it stands for nothing now. */
  press(key: string): boolean {
    const name = KEYS[key];
    if (!name) return false;
    const button = {
      togglePause: this.#pause,
      toggleSound: this.#sound,
      saveStill: this.#still,
      toggleFullScreen: this.#full,
      togglePictureInPicture: this.#detach,
    }[name];
    if (button.hidden) return false;
    this.#actions[name]();
    return true;
  }

  #button(action: keyof Omit<Actions, 'setVolume'>): HTMLButtonElement {
    const button = element('button', '');
    button.type = 'button';
    button.addEventListener('click', () => this.#actions[action]());
    return button;
  }
}

/** Why there is nothing better, or nothing at all. */
export function reasonsOf({ reasons }: Standing): string {
  return reasons.map(({ way, reason }) => (way ? words.why(words.ways[way], reason) : reason)).join(' · ');
}

function element<K extends keyof HTMLElementTagNameMap>(name: K, className: string): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  if (className !== '') made.className = className;
  return made;
}

/** Changes only what is other than before: a status that is written again would be read out again. */
function replace(target: HTMLElement, key: string, make: () => (Node | string)[] = () => [key]): void {
  if (target.dataset.key === key) return;
  target.dataset.key = key;
  target.replaceChildren(...make());
  target.hidden = key === '';
}

function set(button: HTMLButtonElement, name: IconName, label: string, key: string): void {
  if (button.dataset.key === label) return;
  button.dataset.key = label;
  button.replaceChildren(icon(name));
  button.setAttribute('aria-label', label);
  button.title = words.key(label, key);
}
