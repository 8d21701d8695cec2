import type { Clock } from '../contracts/host.ts';
import type { Queryable } from '../db/db.ts';
import {
  type HeartbeatWord,
  markDevicesOffline,
  type StateWord,
  updateDeviceInfos,
  updateDeviceStates,
  updateHeartbeats,
} from '../db/device-words.repo.ts';
import { batched } from '../lib/batched.ts';
import { CROWD } from './crowd.ts';

interface InfoWord {
  id: string;
  info: object;
  at: Date;
}

/** Keeps what devices say of themselves, what many say at once in one statement. */
export interface DeviceNotes {
  /** False for the farewell of a session older than the known one, and for an unknown device. */
  state(word: StateWord): Promise<boolean>;
  /** its last connection is gone */
  offline(id: string): Promise<void>;
  info(word: InfoWord): Promise<void>;
  /** False for an unknown device. */
  heartbeat(word: HeartbeatWord): Promise<boolean>;
}

/** Writes to the database for one device or for a crowd, whoever calls. Words of one device have to be awaited one after the other. */
export function createDeviceNotes({ db, clock }: { db: Queryable; clock: Clock }): DeviceNotes {
  const shared = { crowd: CROWD, clock, keyOf: ({ id }: { id: string }) => id };
  const offline = batched<string, void>({
    ...shared,
    keyOf: (id) => id,
    async ask(ids) {
      await markDevicesOffline(db, ids);
      return () => undefined;
    },
  });
  const info = batched<InfoWord, void>({
    ...shared,
    async ask(words) {
      await updateDeviceInfos(db, words);
      return () => undefined;
    },
  });
  const state = batched<StateWord, boolean>({
    ...shared,
    async ask(words) {
      const known = await updateDeviceStates(db, words);
      return ({ id }) => known.has(id);
    },
  });
  const heartbeat = batched<HeartbeatWord, boolean>({
    ...shared,
    async ask(words) {
      const known = await updateHeartbeats(db, words);
      return ({ id }) => known.has(id);
    },
  });
  return { state, offline, info, heartbeat };
}
