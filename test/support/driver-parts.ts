import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import type { DriverParts } from '../../runtime/media/drivers/parts.ts';

/** What a camera driver gets in a test: the real clock and the real ffmpeg unless the test says otherwise. */
export function driverParts(change: Partial<DriverParts> = {}): DriverParts {
  return {
    clock: systemClock,
    log: silentLog,
    ffmpegPath: 'ffmpeg',
    rpicamVid: ['/no/such/rpicam-vid'],
    random: () => 0.5,
    ...change,
  };
}
