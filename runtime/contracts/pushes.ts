import type { Release } from './host.ts';

/** `stalled`: the destination takes nothing any more, the connection is being cut; `waiting`: for the camera, or for the next try. */
export type PushState = 'idle' | 'connecting' | 'live' | 'stalled' | 'waiting' | 'failed';

/** `auto`: the camera's AAC, else silence, which YouTube and others insist on; `camera`: its AAC or none. */
export const PUSH_SOUNDS = ['auto', 'camera', 'silent', 'none'] as const;
export type PushSound = (typeof PUSH_SOUNDS)[number];

/** A push as it is asked for. Key and address with a key in it go in and never come out. */
export interface PushSpec {
  /** whoever uses the same name on a host means the same push */
  name: string;
  /** empty: this host's only or first one */
  camera: string;
  /** `rtmp://host[:port]/app` or `rtmps://…`, `whip://` or `whips://…` for WHIP; without a key its last part is the key */
  url?: string;
  key?: string;
  /** a file with lines `RTMP_URL=` (or `WHIP_URL=`) and `STREAM_KEY=`, read at each start; fills in what is missing above */
  keyFile?: string;
  /** default `auto` */
  sound?: PushSound;
  /** take a certificate that nobody vouches for; default false */
  insecure?: boolean;
}

export interface PushStatus {
  name: string;
  camera: string;
  /** the destination without its key, as `rtmps://a.rtmps.youtube.com/live2`; empty when there is none yet */
  url: string;
  state: PushState;
  /** why it is not live, or what is special, in words; never with a key */
  reason?: string;
  /** someone wants it on: it comes back by itself, also after a restart of this host */
  wanted: boolean;
  /** epoch ms at which `state` began */
  since: number;
  /** epoch ms of the next try, while one is waited for */
  retryAt?: number;
  /** bytes given to the destination since the start of this process */
  bytes: number;
  /** over about 5 s */
  bitsPerSecond: number;
  /** ms for which it has been live without a break; 0 when it is not */
  uptimeMs: number;
  /** connections after the first one */
  restarts: number;
  /** pictures left out because the destination is slower than the camera */
  discarded: number;
  /** of the ffmpeg that sends */
  pid?: number;
  /** which device sends it; none when this host does */
  device?: string;
}

/** State of all pushes of a host in one, in the shape that seed 001's dashboard reads (`ts` in seconds). */
export interface PublisherHealth {
  ts: number;
  status: 'missing' | 'initializing' | 'running' | 'error';
  detail: string | null;
  pid: number;
}

/** All pushes in one word, the worst first; `missing` when none is wanted. `now`: epoch ms; `pid`: of the process that tells it. */
export function publisherHealth(
  pushes: readonly (Pick<PushStatus, 'name' | 'wanted' | 'state'> & { reason?: string | null })[],
  now: number,
  pid: number,
): PublisherHealth {
  const wanted = pushes.filter((push) => push.wanted);
  const bad = wanted.find(({ state }) => state !== 'live' && state !== 'connecting');
  const young = wanted.find(({ state }) => state === 'connecting');
  const ts = now / 1000;
  const named = ({ name, reason }: (typeof pushes)[number]) => (reason ? `${name}: ${reason}` : name);
  if (bad) return { ts, status: 'error', detail: named(bad), pid };
  if (young) return { ts, status: 'initializing', detail: named(young), pid };
  if (wanted.length > 0) return { ts, status: 'running', detail: null, pid };
  return { ts, status: 'missing', detail: null, pid };
}

/** Pushes of this host's cameras to destinations outside. Both sides. */
export interface PushHost {
  /**
   * Makes a push known under its name, or changes it: a running one whose spec stays the same is not disturbed, another one starts
   * over. Whether it was on is remembered over restarts; `started` says it only the first time a name comes up. Throws
   * `push.invalid`. The release leaves it running for some seconds, in which the next Deploy may declare it again.
   */
  declare(spec: PushSpec, options?: { started?: boolean }): Release;
  /** Switches it on; one that is on stays as it is. Throws `push.not_found`. */
  switchOn(name: string): PushStatus;
  /** Switches it off: the destination is told the end, within 2 s. Throws `push.not_found`. */
  switchOff(name: string): PushStatus;
  /** Switches it off and forgets that there was one, unless it was made through the API too; no error when there is none. */
  forget(name: string): void;
  /** Throws `push.not_found`. */
  status(name: string): PushStatus;
  list(): PushStatus[];
  /** Calls at each change of state or reason, and about every 5 s while it is live; an empty name watches all. */
  watch(name: string, onChange: (status: PushStatus) => void): Release;
  health(): PublisherHealth;
}
