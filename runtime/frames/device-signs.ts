import type { DeviceSign, NewCapture } from '../db/captures.repo.ts';

/** What a frame says of its device's radio and battery counts while the picture is no older than this. */
const FRESH_MS = 120_000;

/** What a batch of frames says of the devices that sent them, one entry a device, by id. */
export function signsOf(frames: readonly NewCapture[]): DeviceSign[] {
  const signs = new Map<string, DeviceSign>();
  for (const frame of frames) {
    const sign = signs.get(frame.device) ?? { id: frame.device, lastSeq: -1, at: 0 };
    signs.set(frame.device, sign);
    const isLatest = frame.seq > sign.lastSeq;
    sign.lastSeq = Math.max(sign.lastSeq, frame.seq);
    sign.at = Math.max(sign.at, frame.receivedAt);
    if (!isLatest || frame.capturedAt < frame.receivedAt - FRESH_MS) continue;
    const { rssi, battery_mv, fw_version } = frame.meta;
    if (typeof rssi === 'number') sign.rssi = rssi;
    if (typeof battery_mv === 'number') sign.batteryMv = battery_mv;
    if (typeof fw_version === 'string') sign.fwVersion = fw_version;
  }
  return [...signs.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}
