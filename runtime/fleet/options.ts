import type { SigningKeys } from '../contracts/deployments.ts';
import type { Clock, Log } from '../contracts/host.ts';
import type { Db } from '../db/db.ts';

/** What the fleet is built from. */
export interface FleetOptions {
  db: Db;
  clock: Clock;
  log: Log;
  /** topic prefix, see contracts/topics */
  site: string;
  /** secret of this installation, ≥ 32 bytes, kept apart from the database: without it the stored hashes are worth nothing */
  pepper: Buffer;
  /** where devices find the broker, as `mqtt://host:port` */
  mqttUrl: () => string;
  /** keeps camera URLs, which may hold passwords, unreadable in the database */
  urlCipher: { seal(text: string): string; open(text: string): string };
  /** the keys that flows are signed with, for devices to pin */
  signing?: () => SigningKeys | undefined;
  /** throws `camera.url_invalid` for what is no camera's URL, or lies where the server must not reach */
  checkUrl: (url: string) => Promise<void> | void;
  /** ids that no camera may have: first path segments in use */
  reservedCameraIds: ReadonlySet<string>;
  /** what the server's own cameras are doing now */
  localCameraState?: (camera: string) => string | undefined;
  /** a device should look at its configuration again */
  notifyConfig: (device: string, version: number) => void;
  /** a device's keys were revoked, or it was disabled or deleted: cut its connections */
  onRevoked: (device: string) => void;
  /** A device belongs to other groups, or counts again. */
  onMembership?: (device: string) => void;
}
