import { join } from 'node:path';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import type { CameraSet } from '../../runtime/media/camera-set.ts';
import { createPushFile } from '../../runtime/media/push/memory.ts';
import type { PushStreams } from '../../runtime/media/push/push.ts';
import { Pushes } from '../../runtime/media/push/pushes.ts';
import type { SoundOf } from '../../runtime/media/whep/session-sound.ts';
import type { Settings } from '../settings.ts';

/** The device's pushes. Its streams are loaded by the first of them: a device that only sends stills is spared their memory. */
export function createEdgePushes(parts: {
  cameras: CameraSet;
  streams: () => Promise<PushStreams>;
  /** Opus of cameras that send AAC */
  sound: () => Promise<SoundOf>;
  clock: Clock;
  log: Log;
  folder: string;
  settings: Pick<Settings, 'FFMPEG_PATH' | 'RTMP_URL' | 'STREAM_KEY' | 'PUSH_KEY_FILE' | 'PUBLISHER_HEALTH_FILE'>;
}): Pushes {
  const { cameras, streams, sound, clock, log, folder, settings } = parts;
  return new Pushes({
    streams,
    opus: sound,
    clock,
    log,
    ffmpegPath: settings.FFMPEG_PATH,
    folder: join(folder, 'keys'),
    resolve: (camera) => cameras.resolve(camera),
    memory: createPushFile(join(folder, 'pushes.json')),
    healthFile: settings.PUBLISHER_HEALTH_FILE ?? join(folder, 'publisher_health.json'),
    fallback: { url: settings.RTMP_URL, key: settings.STREAM_KEY, keyFile: settings.PUSH_KEY_FILE },
  });
}
