/** What a route of the stand-in answers. */
export interface StandInAnswer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

interface Running {
  startedAt: string;
  keys?: { stream_key: string; broadcast_key: string };
}

const PLAYLIST = 'application/vnd.apple.mpegurl';
const INVALID = { status: 400, body: { detail: 'YouTube config is missing or invalid' } };
const ACTIVE = { status: 409, body: { detail: 'Stream is already active' } };
const NONE = { status: 404, body: { detail: 'No active stream' } };
const UNKNOWN = { status: 404, body: { detail: 'Not Found' } };

/**
 * Streams of the Pi camera API of seed 000 as its tables have them (§2.0): dialect A has one at a time, HLS in MPEG-TS, and echoes its keys;
 * B has a preview beside YouTube, and wakes for whoever looks. What the tables refuse is refused.
 */
export class RelabStreams {
  readonly #dialect: 'A' | 'B';
  /** address of the camera as it knows it */
  readonly #base: () => string;
  mode: 'photo' | 'video' | null = null;
  youtube: Running | undefined;
  local: Running | undefined;
  /** so often B's playlist is not there yet */
  sleepy = 0;

  constructor(dialect: 'A' | 'B', base: () => string) {
    this.#dialect = dialect;
    this.#base = base;
  }

  get isActive(): boolean {
    return this.youtube !== undefined || this.local !== undefined;
  }

  /** `CameraStatus`; B tells of YouTube only. */
  status() {
    const stream = this.youtube
      ? this.#view('youtube')
      : this.local && this.#dialect === 'A'
        ? this.#view('local')
        : null;
    return { current_mode: stream ? 'video' : this.mode, stream };
  }

  /** undefined: no route of streams. */
  answer(method: string, { pathname, searchParams }: URL, body: unknown): StandInAnswer | undefined {
    const call = `${method} ${pathname}`;
    return this.#dialect === 'A' ? this.#answerA(call, searchParams.get('mode'), body) : this.#answerB(call, body);
  }

  #answerA(call: string, mode: string | null, body: unknown): StandInAnswer | undefined {
    switch (call) {
      case 'POST /camera/open':
        if (mode !== 'photo' && mode !== 'video') return wrongMode();
        this.mode = mode;
        return { status: 200, body: this.status() };
      case 'POST /camera/close':
        if (this.isActive) return { status: 409, body: { detail: 'Stream is active' } };
        this.mode = null;
        return { status: 200, body: this.status() };
      case 'POST /stream/start':
        if (mode !== 'youtube' && mode !== 'local') return wrongMode();
        if (mode === 'youtube' && !keysIn(body)) return INVALID;
        if (this.isActive) return ACTIVE;
        this[mode] = { startedAt: backDated(), ...(mode === 'youtube' && { keys: keysIn(body) }) };
        return { status: 201, body: this.#view(mode) };
      case 'GET /stream/status':
        return this.isActive ? { status: 200, body: this.status().stream } : NONE;
      case 'DELETE /stream/stop': {
        if (mode !== null && mode !== 'youtube' && mode !== 'local') return wrongMode();
        const running = this.youtube ? 'youtube' : 'local';
        if (!this.isActive || (mode !== null && mode !== running)) return NONE;
        this[running] = undefined;
        return { status: 204 };
      }
    }
    const [, file] = /^GET \/stream\/hls\/(.+)$/.exec(call) ?? [];
    return file === undefined ? undefined : this.#hlsA(file);
  }

  #hlsA(file: string): StandInAnswer {
    if (!/\.(m3u8|ts)$/.test(file)) return { status: 400, body: { detail: 'Invalid file type' } };
    if (!this.local) return { status: 404, body: { detail: 'No local stream' } };
    if (file === 'master.m3u8') return playlist('#EXT-X-VERSION:3', 'segment_000.ts');
    if (file === 'segment_000.ts')
      return { status: 200, body: transportStream(), headers: { 'Content-Type': 'video/mp2t' } };
    return { status: 403, body: { detail: 'File not found' } };
  }

  #answerB(call: string, body: unknown): StandInAnswer | undefined {
    switch (call) {
      case 'POST /streams/youtube': {
        const keys = keysIn(body);
        if (!keys) return INVALID;
        if (this.youtube) return ACTIVE;
        this.youtube = { startedAt: backDated(), keys };
        return { status: 201, body: this.#view('youtube') };
      }
      case 'GET /streams/youtube':
        return this.youtube ? { status: 200, body: this.#view('youtube') } : NONE;
      case 'DELETE /streams/youtube':
        if (!this.youtube) return NONE;
        this.youtube = undefined;
        return { status: 204 };
      case 'POST /preview/start':
        this.local ??= { startedAt: backDated() };
        return { status: 204 };
      case 'POST /preview/stop':
        this.local = undefined;
        return { status: 204 };
      case 'GET /preview/hls/cam-preview/index.m3u8':
        this.local ??= { startedAt: backDated() };
        this.sleepy -= 1;
        return this.sleepy >= 0 ? UNKNOWN : playlist('#EXT-X-MAP:URI="init.mp4"', 'part_7.mp4');
      case 'GET /preview/hls/cam-preview/part_7.mp4':
        return { status: 200, body: Buffer.from('\0\0\0\x18ftypiso5'), headers: { 'Content-Type': 'video/mp4' } };
    }
    return call.startsWith('GET /preview/hls/') ? UNKNOWN : undefined;
  }

  #view(mode: 'youtube' | 'local') {
    const running = this[mode];
    const known = {
      camera_properties: { camera_model: 'imx708' },
      capture_metadata: { exposure_time: 12_500, frame_duration: 33_333, analogue_gain: 2.5 },
    };
    const url =
      mode === 'local' ? `${this.#base()}/stream/watch` : `https://youtube.com/watch?v=${running?.keys?.broadcast_key}`;
    const common = { mode, url, started_at: running?.startedAt };
    if (this.#dialect === 'B') return { ...common, provider: 'youtube', metadata: { ...known, fps: 30 } };
    return { ...common, youtube_config: running?.keys ?? null, metadata: known };
  }
}

function keysIn(body: unknown): Running['keys'] {
  const { stream_key, broadcast_key } = (body ?? {}) as Record<string, unknown>;
  const isKey = (key: unknown): key is string => typeof key === 'string' && /^[A-Za-z0-9_-]+$/.test(key);
  return isKey(stream_key) && isKey(broadcast_key) ? { stream_key, broadcast_key } : undefined;
}

function wrongMode(): StandInAnswer {
  const wrong = { loc: ['query', 'mode'], msg: 'Input should be one of its modes', type: 'enum' };
  return { status: 422, body: { detail: [wrong] } };
}

/** By 5 s, as A does it. */
function backDated(): string {
  return new Date(Date.now() - 5000).toISOString();
}

function playlist(line: string, piece: string): StandInAnswer {
  const text = `#EXTM3U\n${line}\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\n${piece}\n`;
  return { status: 200, body: Buffer.from(text), headers: { 'Content-Type': PLAYLIST, 'Cache-Control': 'no-store' } };
}

/** Packets of 188 bytes with their sync byte (ISO 13818-1). */
function transportStream(): Buffer {
  return Buffer.concat(
    Array.from({ length: 7 }, () => Buffer.concat([Buffer.from([0x47, 0x1f, 0xff, 0x10]), Buffer.alloc(184)])),
  );
}
