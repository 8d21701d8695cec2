import { playerStrings as words } from '../strings/player.ts';
import { type Actions, Controls, reasonsOf } from './controls.ts';
import { Ladder, type Standing } from './ladder.ts';
import { Presence } from './presence.ts';
import { Source } from './source.ts';
import { Stage } from './stage.ts';
import { STYLE } from './style.ts';

const LOOK_EVERY_MS = 1000;
const AWAKE_MS = 3000;
/** The server lies where this file comes from, one folder up. */
const HOME = new URL(/* @vite-ignore */ '../', import.meta.url).toString();

/** One for all players, and of a kind that no page's content policy is against. */
const SHEET = new CSSStyleSheet();
SHEET.replaceSync(STYLE);

/** What `redeye-state` tells. */
export type PlayerState = Standing & { delayMs?: number | undefined };

/**
 * `<redeye-player camera="gate">`. Attributes: `camera`; `name` for people; `server`, when it is not where this file comes from; `token`, a
 * stream token, else the console's cookie is used; `poster`, a still to begin with; `bare`, a picture without buttons. It tells its state
 * by `redeye-state` events (`detail`: PlayerState) and asks for a new token by `redeye-token` when the one it has does not do any more.
 */
export class RedeyePlayer extends HTMLElement implements Actions {
  static readonly observedAttributes = ['camera', 'server', 'name', 'poster', 'bare', 'token'];

  readonly #stage = new Stage();
  readonly #controls = new Controls(this);
  readonly #section = document.createElement('section');
  readonly #notice = document.createElement('p');
  readonly #presence: Presence;
  #ladder: Ladder | undefined;
  #standing: Standing = { state: 'idle', reasons: [] };
  #isPaused = false;
  /** by somebody with the right to: only the person here begins again */
  #isEnded = false;
  #volume = 1;
  #looking: ReturnType<typeof setInterval> | undefined;
  #awake: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.#notice.className = 'notice';
    this.#notice.hidden = true;
    this.#stage.root.append(this.#notice);
    this.#section.append(this.#stage.root, this.#controls.root);
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [SHEET];
    root.append(this.#section);
    this.#presence = new Presence(
      this,
      () => this.#stage.isDetached,
      () => this.#follow(),
    );
    this.#section.addEventListener('keydown', (event) => this.#onKey(event));
    this.#section.addEventListener('pointermove', () => this.#wake());
    this.#stage.root.addEventListener('leavepictureinpicture', () => setTimeout(this.#presence.look), true);
    this.#section.addEventListener('focusin', () => this.#wake());
    this.#stage.root.addEventListener('dblclick', () => !this.hasAttribute('bare') && this.toggleFullScreen());
    this.addEventListener('fullscreenchange', () => this.#show());
  }

  connectedCallback(): void {
    this.#label();
    this.#stage.setPoster(this.getAttribute('poster'));
    this.#presence.start();
    this.#follow();
  }

  disconnectedCallback(): void {
    this.#presence.stop();
    clearTimeout(this.#awake);
    this.#end();
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after || !this.isConnected) return;
    if (name === 'poster') this.#stage.setPoster(after);
    if (name === 'name' || name === 'bare' || name === 'camera') this.#label();
    if (name === 'camera' || name === 'server') {
      this.#isEnded = false;
      this.#end();
      this.#stage.clear();
      this.#follow();
    }
    // A first or renewed token lets in whoever waits; what plays goes on.
    if (name === 'token' && this.#standing.state === 'waiting') {
      this.#end();
      this.#follow();
    }
  }

  /** Does what a key stands for (space, m, f, p, s); false when it stands for nothing now. */
  press(key: string): boolean {
    return this.#controls.press(key);
  }

  togglePause(): void {
    if (this.#isEnded) {
      this.#end();
      this.#isEnded = false;
    } else this.#isPaused = !this.#isPaused;
    this.#follow();
  }

  toggleSound(): void {
    this.#stage.setSound(!this.#stage.muted, this.#volume);
    this.#ladder?.wantSound(!this.#stage.muted);
    this.#show();
  }

  setVolume(volume: number): void {
    this.#volume = volume;
    this.#stage.setSound(this.#stage.muted, volume);
  }

  toggleFullScreen(): void {
    const video = this.#stage.video as (HTMLVideoElement & { webkitEnterFullscreen?(): void }) | undefined;
    if (document.fullscreenElement === this) void document.exitFullscreen();
    else if ('requestFullscreen' in this) this.requestFullscreen().catch(() => this.#show());
    else video?.webkitEnterFullscreen?.();
  }

  togglePictureInPicture(): void {
    const { video } = this.#stage;
    if (!video) return;
    const done = this.#stage.isDetached ? document.exitPictureInPicture() : video.requestPictureInPicture();
    // A browser that forbids it leaves all as it was.
    done.then(() => this.#show()).catch(() => this.#show());
  }

  /** Offers the picture that is seen as a file. */
  async saveStill(): Promise<void> {
    const picture = await this.#stage.picture();
    if (!picture) return;
    const link = document.createElement('a');
    link.href = URL.createObjectURL(picture);
    link.download = `${this.getAttribute('camera')}-${new Date().toISOString().replace(/[:.]/g, '-')}.jpg`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  /** Runs while it is wanted: on the page, in sight, not paused. */
  #follow(): void {
    const camera = this.getAttribute('camera') ?? '';
    const isWanted = this.isConnected && camera !== '' && !this.#isPaused && !this.#isEnded && this.#presence.isSeen;
    if (isWanted && !this.#ladder) {
      const server = new URL(this.getAttribute('server') ?? HOME, document.baseURI).toString().replace(/\/?$/, '/');
      const source = new Source(server, camera, () => this.getAttribute('token') ?? undefined);
      this.#ladder = new Ladder(source, this.#stage, (standing) => this.#onStanding(standing));
      this.#ladder.wantSound(!this.#stage.muted);
      this.#ladder.start();
      this.#looking = setInterval(() => void this.#look(), LOOK_EVERY_MS);
    } else if (!isWanted && !this.#isEnded) this.#end();
    this.#show();
  }

  #end(): void {
    clearInterval(this.#looking);
    this.#ladder?.stop();
    this.#ladder = undefined;
  }

  #onStanding(standing: Standing): void {
    this.#standing = standing;
    if (standing.state === 'ended') this.#isEnded = true;
    if (standing.needsToken) this.dispatchEvent(new CustomEvent('redeye-token'));
    this.#show();
    this.#tell();
  }

  async #look(): Promise<void> {
    const way = this.#ladder?.way;
    const delayMs = await way?.delayMs();
    if (!way || way !== this.#ladder?.way) return;
    way.toLive?.();
    this.#controls.tellDelay(delayMs);
    this.#show();
    this.#tell(delayMs);
  }

  #tell(delayMs?: number): void {
    this.dispatchEvent(new CustomEvent<PlayerState>('redeye-state', { detail: { ...this.#standing, delayMs } }));
  }

  #show(): void {
    const { state } = this.#standing;
    const { video } = this.#stage;
    this.#controls.show({
      standing: this.#standing,
      isPaused: this.#isPaused || this.#isEnded,
      isMuted: this.#stage.muted,
      hasSound: this.#ladder?.way?.hasSound() ?? false,
      isFullScreen: document.fullscreenElement === this,
      canDetach: document.pictureInPictureEnabled && video !== undefined,
    });
    const notice =
      this.hasAttribute('bare') && (state === 'waiting' || state === 'ended')
        ? `${words.states[state]}. ${reasonsOf(this.#standing)}`
        : '';
    if (this.#notice.textContent !== notice) this.#notice.textContent = notice;
    this.#notice.hidden = notice === '';
  }

  #label(): void {
    const isBare = this.hasAttribute('bare');
    this.#section.setAttribute(
      'aria-label',
      words.label(this.getAttribute('name') ?? this.getAttribute('camera') ?? ''),
    );
    this.#section.setAttribute('role', isBare ? 'img' : 'group');
    if (isBare) this.#section.removeAttribute('tabindex');
    else this.#section.tabIndex = 0;
  }

  #onKey(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || this.hasAttribute('bare')) return;
    const { target } = event;
    // The space bar is the button's that has the focus.
    if (event.key === ' ' && target instanceof HTMLButtonElement) return;
    if (this.press(event.key)) event.preventDefault();
  }

  #wake(): void {
    this.#section.classList.add('awake');
    clearTimeout(this.#awake);
    this.#awake = setTimeout(() => this.#section.classList.remove('awake'), AWAKE_MS);
  }
}

if (!customElements.get('redeye-player')) customElements.define('redeye-player', RedeyePlayer);
