export type Surface = HTMLVideoElement | HTMLCanvasElement;

/** What is seen: one surface at a time, the next one waiting behind it, and the last picture below while there is none. */
export class Stage {
  readonly root: HTMLElement;
  readonly #frozen = document.createElement('canvas');
  readonly #poster = document.createElement('img');
  #shown: Surface | undefined;
  #muted = true;
  #volume = 1;

  constructor() {
    this.root = document.createElement('div');
    this.root.className = 'stage';
    this.#frozen.className = 'below';
    this.#frozen.hidden = true;
    this.#poster.className = 'below';
    this.#poster.alt = '';
    this.#poster.hidden = true;
    this.#poster.addEventListener('load', () => {
      this.#poster.hidden = false;
    });
    this.root.append(this.#poster, this.#frozen);
  }

  get shown(): Surface | undefined {
    return this.#shown;
  }

  get video(): HTMLVideoElement | undefined {
    return this.#shown instanceof HTMLVideoElement ? this.#shown : undefined;
  }

  /** The video floats in a window of its own. */
  get isDetached(): boolean {
    const root = this.root.getRootNode();
    return root instanceof ShadowRoot && this.video !== undefined && root.pictureInPictureElement === this.video;
  }

  get muted(): boolean {
    return this.video?.muted ?? this.#muted;
  }

  /** Also for surfaces that come. */
  setSound(muted: boolean, volume: number): void {
    this.#muted = muted;
    this.#volume = volume;
    const { video } = this;
    if (!video) return;
    video.muted = muted;
    video.volume = volume;
  }

  setPoster(address: string | null): void {
    if (address === null) {
      this.#poster.removeAttribute('src');
      this.#poster.hidden = true;
    } else if (this.#poster.getAttribute('src') !== address) this.#poster.src = address;
  }

  /** A surface on the page, unseen; `drop` takes it away. */
  add(kind: 'video' | 'canvas'): Surface {
    const surface = document.createElement(kind);
    surface.className = 'surface';
    if (surface instanceof HTMLVideoElement) {
      surface.playsInline = true;
      surface.autoplay = true;
      surface.disableRemotePlayback = true;
      // Heard only once it is seen: two at a time would echo.
      surface.muted = true;
      surface.volume = this.#volume;
    }
    this.root.append(surface);
    return surface;
  }

  /** Puts a surface with a picture in front; what was shown goes after the next paint. Stays in picture-in-picture if that was open. */
  async show(surface: Surface): Promise<void> {
    const before = this.#shown;
    const wasDetached = this.isDetached;
    this.#shown = surface;
    surface.classList.add('shown');
    if (surface instanceof HTMLVideoElement) surface.muted = this.#muted;
    if (wasDetached && surface instanceof HTMLVideoElement) {
      await surface.requestPictureInPicture().catch(() => undefined);
    }
    if (!before) return;
    if (before instanceof HTMLVideoElement) before.muted = true;
    await painted();
    before.remove();
  }

  drop(surface: Surface): void {
    surface.remove();
    if (this.#shown === surface) this.#shown = undefined;
  }

  /** Keeps the picture that is seen, without a connection. */
  freeze(): void {
    const size = this.#shown && sizeOf(this.#shown);
    if (!this.#shown || !size) return;
    Object.assign(this.#frozen, size);
    this.#frozen.getContext('2d')?.drawImage(this.#shown, 0, 0);
    this.#frozen.hidden = false;
  }

  /** The picture that is seen as JPEG; undefined while there is none. */
  picture(): Promise<Blob | undefined> {
    const size = this.#shown && sizeOf(this.#shown);
    if (!this.#shown || !size) return Promise.resolve(undefined);
    const canvas = Object.assign(document.createElement('canvas'), size);
    canvas.getContext('2d')?.drawImage(this.#shown, 0, 0);
    return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob ?? undefined), 'image/jpeg', 0.92));
  }

  /** Forgets the picture too, for another camera. */
  clear(): void {
    this.#frozen.hidden = true;
  }
}

function sizeOf(surface: Surface): { width: number; height: number } | undefined {
  const [width, height] =
    surface instanceof HTMLVideoElement ? [surface.videoWidth, surface.videoHeight] : [surface.width, surface.height];
  return width > 0 && height > 0 ? { width, height } : undefined;
}

/** Two frames: after the second the first has been painted. A page that is not seen paints nothing. */
function painted(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 250);
    requestAnimationFrame(() => requestAnimationFrame(() => resolve()));
  });
}
