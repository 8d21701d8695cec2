import { toAppError } from '../contracts/errors.ts';
import type { Clock, LiveHost, Log, Release } from '../contracts/host.ts';
import type { LiveOutputKind, LiveOutputStatus, LiveSession, SessionSource } from '../contracts/live.ts';
import type { HlsService } from '../contracts/live-outputs.ts';
import type { StreamHost } from '../contracts/streams.ts';

/** Sessions tell nobody that they begin or end, so they are looked at this often while somebody wants to know. */
const LOOK_MS = 500;

const SESSION_TYPE: Record<LiveOutputKind, LiveSession['type']> = { webrtc: 'whep', hls: 'hls', mjpeg: 'mjpeg' };
const PATH: Record<LiveOutputKind, string> = { webrtc: 'whep', hls: 'hls/index.m3u8', mjpeg: 'mjpeg' };

export interface LiveOutputsOptions {
  streams: Pick<StreamHost, 'status' | 'keepWarm'>;
  hls?: Pick<HlsService, 'keepOpen'> | undefined;
  /** every output that has viewers */
  sessions: readonly SessionSource[];
  clock: Clock;
  log: Log;
}

interface Watcher {
  camera: string;
  kind: LiveOutputKind;
  onChange: (status: LiveOutputStatus) => void;
  /** what was told last, as text */
  told: string;
}

interface Keeper {
  camera: string;
  kind: LiveOutputKind;
  /** lets the present hub go */
  release: Release;
  /** why it is not kept at the moment; said once */
  trouble?: string | undefined;
}

/** The live outputs of a host for its flows: their state, their viewers, and keeping them ready. */
export function createLiveOutputs(options: LiveOutputsOptions): LiveHost {
  return new LiveOutputs(options);
}

class LiveOutputs implements LiveHost {
  readonly #options: LiveOutputsOptions;
  readonly #watchers = new Set<Watcher>();
  readonly #keepers = new Set<Keeper>();
  #cancel: Release | undefined;

  constructor(options: LiveOutputsOptions) {
    this.#options = options;
  }

  status(camera: string, kind: LiveOutputKind): LiveOutputStatus {
    try {
      const { camera: id, state, reason } = this.#options.streams.status(camera);
      const viewers = this.#options.sessions
        .flatMap((source) => source.sessions())
        .filter((session) => session.camera === id && session.type === SESSION_TYPE[kind]).length;
      return {
        camera: id,
        output: kind,
        state,
        ...(reason !== undefined && { reason }),
        viewers,
        path: pathOf(id, kind),
      };
    } catch (error) {
      const reason = toAppError(error).message;
      return { camera, output: kind, state: 'failed', reason, viewers: 0, path: pathOf(camera, kind) };
    }
  }

  watch(camera: string, kind: LiveOutputKind, onChange: (status: LiveOutputStatus) => void): Release {
    const watcher: Watcher = { camera, kind, onChange, told: newsOf(this.status(camera, kind)) };
    this.#watchers.add(watcher);
    this.#arm();
    return () => void this.#watchers.delete(watcher);
  }

  keepWarm(camera: string, kind: LiveOutputKind): Release {
    const keeper: Keeper = { camera, kind, release: () => undefined };
    this.#keepers.add(keeper);
    this.#keep(keeper);
    this.#arm();
    return () => {
      this.#keepers.delete(keeper);
      keeper.release();
    };
  }

  #arm(): void {
    this.#cancel ??= this.#options.clock.after(LOOK_MS, () => {
      this.#cancel = undefined;
      for (const keeper of [...this.#keepers]) this.#keep(keeper);
      for (const watcher of [...this.#watchers]) this.#look(watcher);
      if (this.#keepers.size + this.#watchers.size > 0) this.#arm();
    });
  }

  /** Held anew each time: the camera may have gone and come back with another stream since. */
  #keep(keeper: Keeper): void {
    const { streams, hls, log } = this.#options;
    const before = keeper.release;
    try {
      keeper.release = streams.keepWarm(keeper.camera);
      if (keeper.kind === 'hls') hls?.keepOpen(streams.status(keeper.camera).camera);
      keeper.trouble = undefined;
    } catch (thrown) {
      const { message } = toAppError(thrown);
      if (keeper.trouble !== message)
        log.warn('an output cannot be kept ready', { output: keeper.kind, reason: message });
      keeper.trouble = message;
      keeper.release = () => undefined;
    }
    before();
  }

  #look(watcher: Watcher): void {
    const status = this.status(watcher.camera, watcher.kind);
    const news = newsOf(status);
    if (news === watcher.told || !this.#watchers.has(watcher)) return;
    watcher.told = news;
    try {
      watcher.onChange(status);
    } catch (error) {
      this.#options.log.error('a watcher of an output failed', { camera: status.camera, error });
    }
  }
}

function pathOf(camera: string, kind: LiveOutputKind): string {
  return `/api/v1/cameras/${camera}/${PATH[kind]}`;
}

function newsOf({ camera, state, reason, viewers }: LiveOutputStatus): string {
  return JSON.stringify([camera, state, reason, viewers]);
}
