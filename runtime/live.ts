import type { Clock, Log } from './contracts/host.ts';
import type { Metrics, Reading } from './contracts/metrics.ts';
import type { StreamStatus } from './contracts/streams.ts';
import type { Part } from './lib/part.ts';
import { type CameraSet, createCameraSet } from './media/camera-set.ts';
import { RPICAM_VID } from './media/drivers/parts.ts';
import { createStreams, type Streams } from './media/stream/streams.ts';

export interface LiveOptions {
  clock: Clock;
  log: Log;
  ffmpegPath: string;
  metrics: Metrics;
}

/** The live part of the server: its cameras, their streams, and what shows those. */
export interface Live extends Part {
  cameras: CameraSet;
  streams: Streams;
}

/** Puts the live part together. `start` begins in order, `stop` ends in reverse: outputs before streams before cameras. */
export function createLive({ clock, log, ffmpegPath, metrics }: LiveOptions): Live {
  const cameras = createCameraSet({ clock, log: log.child('cameras'), ffmpegPath });
  const streams = createStreams({ cameras, clock, log: log.child('streams'), ffmpegPath, rpicamVid: RPICAM_VID });
  registerStreamGauges(metrics, () => streams.list());
  const parts: Part[] = [cameras, streams];
  return {
    cameras,
    streams,
    async start() {
      for (const part of parts) await part.start();
    },
    async stop() {
      for (const part of parts.toReversed()) await part.stop();
    },
  };
}

/** Has the streams measured whenever somebody asks; the names follow MediaMTX', whose word for a camera's stream is path. */
export function registerStreamGauges(metrics: Metrics, list: () => StreamStatus[]): void {
  const gauge = (name: string, help: string, read: (status: StreamStatus) => number | undefined) =>
    metrics.gauge({ name, help, labels: ['name'] }, () =>
      list().flatMap((status): Reading[] => {
        const value = read(status);
        return value === undefined ? [] : [{ value, labels: { name: status.camera } }];
      }),
    );
  metrics.gauge(
    { name: 'paths', help: 'Always 1; the state of the stream is in the label', labels: ['name', 'state'] },
    () => list().map(({ camera, state }) => ({ value: 1, labels: { name: camera, state } })),
  );
  gauge('paths_readers', 'Who reads the stream', ({ readers }) => readers);
  gauge('paths_frames_per_second', 'Pictures that arrive, over about 5 s', ({ fps }) => fps);
  gauge('paths_bits_per_second', 'Bits that arrive, over about 5 s', ({ bitsPerSecond }) => bitsPerSecond);
  gauge('paths_frame_age_seconds', 'Time since the last picture', ({ ageMs }) =>
    ageMs === undefined ? undefined : ageMs / 1000,
  );
  gauge('paths_source_restarts', 'How often the source was lost since the start', ({ restarts }) => restarts);
  gauge('paths_frames_discarded', 'Pictures left out for readers that were full', ({ discarded }) => discarded);
}
