import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type {
  CameraTelemetry,
  LocalAccess,
  RemoteCamera,
  RemoteMode,
  RemoteStatus,
  RemoteStream,
} from '../../contracts/remote-cameras.ts';
import { thermalBand } from '../../contracts/thermal.ts';
import { objectOf, refusalOf, type ServiceAnswer, type ServiceAsk, type ServiceCall } from './service-call.ts';

export type RelabDialect = 'A' | 'B';

type Answer = Record<string, unknown>;

/** Dialect B's encoder wakes for whoever looks; its playlist is asked for again after these pauses (§2.1). */
const PLAYLIST_PAUSES_MS = [0, 250, 500, 1000, 2000, 4000];
/** What dialect A says of a wrong key; of a file that is not there it says another 403. */
const WRONG_KEY = 'Invalid API Key';

/** What the Pi camera API of seed 000 does besides stills: its status, telemetry, its own stream to YouTube, and its HLS. */
export class RelabRemote implements RemoteCamera {
  readonly #call: ServiceCall;
  readonly #dialectOf: (signal?: AbortSignal) => Promise<RelabDialect>;
  readonly #clock: Clock;

  constructor(call: ServiceCall, dialectOf: (signal?: AbortSignal) => Promise<RelabDialect>, clock: Clock) {
    this.#call = call;
    this.#dialectOf = dialectOf;
    this.#clock = clock;
  }

  async status(signal?: AbortSignal): Promise<RemoteStatus> {
    const path = (await this.#dialectOf(signal)) === 'A' ? '/camera/status' : '/camera';
    return statusIn(await this.#call.json({ method: 'GET', path, signal }));
  }

  /** Dialect B wakes and rests by itself: it is asked how it is. */
  async setMode(mode: RemoteMode | null): Promise<RemoteStatus> {
    if ((await this.#dialectOf()) === 'B') return this.status();
    const path = mode === null ? '/camera/close' : `/camera/open?mode=${mode}`;
    return statusIn(await this.#call.json({ method: 'POST', path }));
  }

  async telemetry(): Promise<CameraTelemetry> {
    await this.#mustBeB('tells nothing of itself');
    return telemetryIn(await this.#call.json({ method: 'GET', path: '/system/telemetry' }));
  }

  async localAccess(): Promise<LocalAccess> {
    await this.#mustBeB('has no key for its own network');
    const found = await this.#call.json({ method: 'GET', path: '/system/local-access' });
    const { local_api_key: key, candidate_urls: urls, mdns_name: name } = found;
    if (typeof key !== 'string') throw new AppError('camera.bad_answer', 'the camera named no local key');
    const candidate_urls = Array.isArray(urls) ? urls.filter((url): url is string => typeof url === 'string') : [];
    return { local_api_key: key, candidate_urls, mdns_name: typeof name === 'string' ? name : null };
  }

  /** S0.29: A uploads HLS over HTTP, B pushes RTMPS. */
  async ingestion(): Promise<'hls' | 'rtmp'> {
    return (await this.#dialectOf()) === 'A' ? 'hls' : 'rtmp';
  }

  async startYoutube({ key, broadcast }: { key: string; broadcast: string }): Promise<void> {
    const path = (await this.#dialectOf()) === 'A' ? '/stream/start?mode=youtube' : '/streams/youtube';
    const body = { stream_key: key, broadcast_key: broadcast };
    const answer = await this.#call.ask({ method: 'POST', path, body });
    if (answer.status === 409) {
      const running = await this.youtube();
      if (running?.url?.endsWith(broadcast)) return;
      throw new AppError('camera.busy', 'the camera streams something else already');
    }
    if (answer.status >= 300) throw refusalOf(answer);
  }

  async youtube(): Promise<RemoteStream | undefined> {
    const path = (await this.#dialectOf()) === 'A' ? '/stream/status' : '/streams/youtube';
    const answer = await this.#orNone({ method: 'GET', path });
    if (!answer) return undefined;
    const stream = streamIn(parsed(answer));
    return stream?.mode === 'youtube' ? stream : undefined;
  }

  async stopYoutube(): Promise<void> {
    const path = (await this.#dialectOf()) === 'A' ? '/stream/stop?mode=youtube' : '/streams/youtube';
    await this.#orNone({ method: 'DELETE', path });
  }

  /** Dialect B's preview is no stream of its status: it is started again without harm. */
  async startPreview(): Promise<RemoteStream> {
    if ((await this.#dialectOf()) === 'A') {
      const stream = streamIn(await this.#call.json({ method: 'POST', path: '/stream/start?mode=local' }));
      if (stream) return stream;
      throw new AppError('camera.bad_answer', 'the camera began a stream and told nothing of it');
    }
    await this.#done({ method: 'POST', path: '/preview/start' });
    return { mode: 'local', url: null, started_at: new Date(this.#clock.now()).toISOString(), metadata: {} };
  }

  async stopPreview(): Promise<boolean> {
    if ((await this.#dialectOf()) === 'A') {
      return (await this.#orNone({ method: 'DELETE', path: '/stream/stop?mode=local' })) !== undefined;
    }
    await this.#done({ method: 'POST', path: '/preview/stop' });
    return true;
  }

  /** Either version's first playlist is found by either name, `master.m3u8` or `index.m3u8`, with or without a folder. */
  async previewFile(name: string, signal?: AbortSignal): Promise<Buffer | undefined> {
    const file = name.split('/').at(-1) ?? '';
    const isFirst = file === 'master.m3u8' || file === 'index.m3u8';
    if ((await this.#dialectOf(signal)) === 'A') {
      const path = `/stream/hls/${isFirst ? 'master.m3u8' : file}`;
      const answer = await this.#call.ask({ method: 'GET', path, picture: true, signal });
      const isMissing = answer.status === 403 && objectOf(answer.body)?.detail !== WRONG_KEY;
      return isMissing || answer.status === 404 ? undefined : good(answer).body;
    }
    const folder = name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : 'cam-preview';
    const path = `/preview/hls/${folder}/${isFirst ? 'index.m3u8' : file}`;
    for (const pauseMs of file.endsWith('.m3u8') ? PLAYLIST_PAUSES_MS : [0]) {
      if (pauseMs > 0) await this.#clock.sleep(pauseMs, signal);
      const answer = await this.#call.ask({ method: 'GET', path, picture: true, signal });
      if (answer.status !== 404) return good(answer).body;
    }
    return undefined;
  }

  async #mustBeB(lack: string): Promise<void> {
    if ((await this.#dialectOf()) === 'A') {
      throw new AppError('camera.not_supported', `this version of the Pi camera API ${lack}`);
    }
  }

  /** A good answer; undefined where there is nothing (404). */
  async #orNone(ask: ServiceAsk): Promise<ServiceAnswer | undefined> {
    const answer = await this.#call.ask(ask);
    return answer.status === 404 ? undefined : good(answer);
  }

  async #done(ask: ServiceAsk): Promise<void> {
    good(await this.#call.ask(ask));
  }
}

/** Throws for a refusal what it is for us. */
function good(answer: ServiceAnswer): ServiceAnswer {
  if (answer.status >= 300) throw refusalOf(answer);
  return answer;
}

function parsed({ body }: ServiceAnswer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new AppError(
      'camera.bad_answer',
      'the camera service answered with something that is no JSON',
      {},
      { cause },
    );
  }
}

function statusIn({ current_mode, stream }: Answer): RemoteStatus {
  const mode = current_mode === 'photo' || current_mode === 'video' ? current_mode : null;
  return { mode, stream: streamIn(stream) ?? null };
}

/** What A puts into `youtube_config` is a key: it goes no further (§4.2). */
function streamIn(value: unknown): RemoteStream | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { mode, url, started_at, metadata } = value as Answer;
  const text = (one: unknown) => (typeof one === 'string' ? one : null);
  const known = typeof metadata === 'object' && metadata !== null ? (metadata as Answer) : {};
  return typeof mode === 'string' ? { mode, url: text(url), started_at: text(started_at), metadata: known } : undefined;
}

function telemetryIn(told: Answer): CameraTelemetry {
  const number = (name: string) =>
    typeof told[name] === 'number' && Number.isFinite(told[name]) ? (told[name] as number) : null;
  const at = typeof told.timestamp === 'string' ? Date.parse(told.timestamp) : Number.NaN;
  const size = told.current_preview_size;
  const isSize = Array.isArray(size) && size.length === 2 && size.every((one) => Number.isInteger(one));
  const celsius = number('cpu_temp_c');
  const bands = ['normal', 'warm', 'throttle', 'critical'] as const;
  return {
    timestamp: Number.isNaN(at) ? null : new Date(at).toISOString(),
    cpu_temp_c: celsius,
    cpu_percent: number('cpu_percent'),
    mem_percent: number('mem_percent'),
    disk_percent: number('disk_percent'),
    preview_fps: number('preview_fps'),
    preview_sessions: Math.max(0, Math.round(number('preview_sessions') ?? 0)),
    thermal_state: bands.find((band) => band === told.thermal_state) ?? thermalBand(celsius),
    current_preview_size: isSize ? (size as number[]) : null,
  };
}
