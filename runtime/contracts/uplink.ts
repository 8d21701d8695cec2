import { type Static, Type } from 'typebox';
import { ID_PATTERN } from './ids.ts';

/** Name of the command by which the server asks a device for a camera's stream. */
export const STREAM_COMMAND = 'stream';

/** Below the server's address; the camera's id follows. WebSocket, one record a message (`lib/uplink-records.ts`). */
export const UPLINK_PATH = '/api/v1/uplink/';

/** The header that carries the nonce of a `stream` command back, beside `X-DEVICE-KEY`. */
export const UPLINK_NONCE_HEADER = 'x-uplink-nonce';

/** Protocol name of the WebSocket: its number is the version of the records. */
export const UPLINK_PROTOCOL = 'redeye-uplink.1';

/** One record is at most this long: a key frame of a 50 megapixel camera fits. */
export const MAX_RECORD_BYTES = 8 * 1024 * 1024;

/** `args` of the command `stream`. */
export const StreamCommandArgs = Type.Object({
  camera: Type.String({ pattern: ID_PATTERN }),
  /** 256 random bits, good for one connection of this device for this camera */
  nonce: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
  /** below the address that the device knows the server under; a whole URL would have the key sent elsewhere */
  path: Type.String({ pattern: `^${UPLINK_PATH}[a-z0-9][a-z0-9_-]{0,62}$` }),
  /** epoch ms on the server's clock */
  expires: Type.Integer({ minimum: 0 }),
});
export type StreamCommandArgs = Static<typeof StreamCommandArgs>;

/** An open connection of a device, as the source behind it sees it. */
export interface UplinkConnection {
  /** Ends it, telling the device why; nothing more comes of it. */
  close(reason: string): void;
}

/** Takes what an admitted connection brings. */
export interface UplinkTaker {
  onOpen(connection: UplinkConnection): void;
  /** one record */
  onRecord(bytes: Buffer): void;
  /** The connection is over, with the reason in words. */
  onClosed(reason: string): void;
}

/** Streams of devices on their way in. */
export interface UplinkService {
  /**
   * Redeems a nonce: it is used up, whatever becomes of the connection. Throws `uplink.not_asked` for one that is unknown, used,
   * expired, or was given to another device or for another camera.
   */
  claim(device: string, camera: string, nonce: string): UplinkTaker;
}
