import { AppError, toAppError } from '../contracts/errors.ts';
import type { Clock, Log, Release } from '../contracts/host.ts';
import type { PushState, PushStatus } from '../contracts/pushes.ts';
import type { RemoteCamera } from '../contracts/remote-cameras.ts';

/** How often a camera is asked whether it still sends. */
const LOOK_MS = 15_000;

export interface CameraPushesOptions {
  remote: (camera: string) => Promise<RemoteCamera | undefined>;
  clock: Clock;
  log: Log;
}

interface CameraPush {
  name: string;
  camera: string;
  url: string;
  key: string;
  broadcast: string;
  wanted: boolean;
  state: PushState;
  reason?: string | undefined;
  since: number;
  restarts: number;
  cancel: Release;
  work: Promise<void>;
}

/** Broadcasts that cameras send to YouTube themselves, by their own API (seed 000, S0.15, S0.16); nothing of them passes this server. */
export class CameraPushes {
  readonly #options: CameraPushesOptions;
  readonly #pushes = new Map<string, CameraPush>();
  readonly #watchers = new Set<{ name: string; onChange: (status: PushStatus) => void }>();

  constructor(options: CameraPushesOptions) {
    this.#options = options;
  }

  has(name: string): boolean {
    return this.#pushes.has(name);
  }

  /** Makes it known; one that is on and stays the same is not disturbed. */
  declare(spec: { name: string; camera: string; url: string; key: string; broadcast: string }): void {
    const known = this.#pushes.get(spec.name);
    if (known && known.broadcast === spec.broadcast && known.key === spec.key && known.camera === spec.camera) return;
    known?.cancel();
    const at = this.#options.clock.now();
    const still = { wanted: false, state: 'idle' as const, since: at, restarts: 0, cancel: () => undefined };
    this.#pushes.set(spec.name, { ...spec, ...still, work: known?.work ?? Promise.resolve() });
  }

  switchOn(name: string): PushStatus {
    const push = this.#of(name);
    if (!push.wanted) {
      push.wanted = true;
      this.#show(push, 'connecting');
      this.#inTurn(push, () => this.#look(push, true));
    }
    return statusOf(push);
  }

  switchOff(name: string): PushStatus {
    const push = this.#of(name);
    this.#end(push);
    return statusOf(push);
  }

  remove(name: string): void {
    const push = this.#pushes.get(name);
    if (!push) return;
    this.#end(push);
    this.#pushes.delete(name);
  }

  status(name: string): PushStatus {
    return statusOf(this.#of(name));
  }

  list(): PushStatus[] {
    return [...this.#pushes.values()].map(statusOf);
  }

  watch(name: string, onChange: (status: PushStatus) => void): Release {
    const watcher = { name, onChange };
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Looks after them no longer; the cameras go on sending, and are found again at the next start. */
  async stop(): Promise<void> {
    for (const push of this.#pushes.values()) push.cancel();
    const works = [...this.#pushes.values()].map(({ work }) => work);
    this.#pushes.clear();
    await Promise.all(works);
  }

  /** A camera that sends is left alone; one that does not (any more) is told to. */
  async #look(push: CameraPush, isFirst: boolean): Promise<void> {
    if (!push.wanted || this.#pushes.get(push.name) !== push) return;
    try {
      const remote = await this.#remote(push.camera);
      const running = await remote.youtube();
      if (!running?.url?.endsWith(push.broadcast)) {
        if (!isFirst) push.restarts += 1;
        await remote.startYoutube({ key: push.key, broadcast: push.broadcast });
      }
      if (push.wanted) this.#show(push, 'live');
    } catch (thrown) {
      const { message, details } = toAppError(thrown);
      const reason = typeof details.reason === 'string' ? details.reason : message;
      if (push.wanted) this.#show(push, 'waiting', reason);
    }
    if (!push.wanted || this.#pushes.get(push.name) !== push) return;
    push.cancel = this.#options.clock.after(LOOK_MS, () => this.#inTurn(push, () => this.#look(push, false)));
  }

  #end(push: CameraPush): void {
    push.cancel();
    if (!push.wanted) return;
    push.wanted = false;
    this.#show(push, 'idle');
    this.#inTurn(push, async () => {
      try {
        await (await this.#remote(push.camera)).stopYoutube();
      } catch (error) {
        // YouTube was told the end before: what the camera goes on sending is taken by nobody (S0.39).
        this.#options.log.warn('a camera was not told to stop sending', { camera: push.camera, error });
      }
    });
  }

  async #remote(camera: string): Promise<RemoteCamera> {
    const remote = await this.#options.remote(camera);
    if (!remote) throw new AppError('camera.not_supported', 'this camera sends nothing by itself');
    return remote;
  }

  #inTurn(push: CameraPush, work: () => Promise<void>): void {
    push.work = push.work.then(work);
  }

  #show(push: CameraPush, state: PushState, reason?: string): void {
    if (push.state !== state) push.since = this.#options.clock.now();
    push.state = state;
    push.reason = reason;
    for (const { name, onChange } of [...this.#watchers]) {
      if (name === '' || name === push.name) onChange(statusOf(push));
    }
  }

  #of(name: string): CameraPush {
    const push = this.#pushes.get(name);
    if (!push) throw new AppError('push.not_found', `there is no push ${JSON.stringify(name)}`);
    return push;
  }
}

/** How much it sends the camera does not tell. */
function statusOf({ name, camera, url, state, reason, wanted, since, restarts }: CameraPush): PushStatus {
  return {
    name,
    camera,
    url,
    state,
    ...(reason !== undefined && { reason }),
    wanted,
    since,
    bytes: 0,
    bitsPerSecond: 0,
    uptimeMs: 0,
    restarts,
    discarded: 0,
    device: camera,
  };
}
