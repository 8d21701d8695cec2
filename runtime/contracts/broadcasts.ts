import type { Release } from './host.ts';
import type { BroadcastWish, StreamRecord } from './published.ts';

/** A broadcast as a flow asks for it. */
export interface BroadcastSpec {
  /** whoever uses the same name means the same broadcast; API and console know it too */
  name: string;
  /** empty: this host's only or first one */
  camera: string;
  wish: BroadcastWish;
}

export interface BroadcastStatus {
  name: string;
  camera: string;
  state: StreamRecord['state'];
  /** why it is not live, or what YouTube finds wrong with the picture, in words; never with a key */
  reason?: string;
  /** someone wants it on: it is taken up again after a restart of this host */
  wanted: boolean;
  /** where it is watched; none before YouTube has it */
  url?: string;
  title?: string;
  /** epoch ms at which `state` began */
  since: number;
  /** of the day's quota of the YouTube API, as far as this process used it */
  unitsToday: number;
  unitsLimit: number;
}

/** Broadcasts at YouTube, each fed by a push of its own. Server. */
export interface BroadcastHost {
  /**
   * Makes a broadcast known under its name. One that is on goes on as it is: another camera or wish holds from its next start on.
   * Whether it was on is remembered over restarts; `started` says it only the first time a name comes up. The release leaves it as it is.
   */
  declare(spec: BroadcastSpec, options?: { started?: boolean }): Release;
  /**
   * Begins it; one that is on stays as it is, one that failed is begun anew. Resolves once the push is on its way, or with `failed` and
   * the reason. Throws `stream.not_found`, and `stream.exists` when the name belongs to a stream of another type.
   */
  start(name: string): Promise<BroadcastStatus>;
  /** Ends the broadcast at YouTube, then its push. One that is off stays off. Throws `stream.not_found`. */
  stop(name: string): Promise<BroadcastStatus>;
  /** Ends it and forgets that there was one, unless it was made through the API; no error when there is none. */
  forget(name: string): Promise<void>;
  /** Throws `stream.not_found`. */
  status(name: string): BroadcastStatus;
  /** Calls at each change of state, reason or address. */
  watch(name: string, onChange: (status: BroadcastStatus) => void): Release;
}
