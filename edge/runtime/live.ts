import type { Part } from '../../runtime/lib/part.ts';
import { RPICAM_VID } from '../../runtime/media/drivers/parts.ts';
import { Hls } from '../../runtime/media/hls/hls.ts';
import { Pictures } from '../../runtime/media/mjpeg/pictures.ts';
import { createStreams, type Streams } from '../../runtime/media/stream/streams.ts';
import type { LiveGateOptions } from './live-gate.ts';

/** The live part of a device: its cameras' streams and what shows them. */
export interface EdgeLive extends Part {
  streams: Streams;
  hls: Hls;
  /** MJPEG and snapshots */
  pictures: Pictures;
}

/** Puts it together. While a stream holds a camera that only one program can open, its stills come from there. */
export function createEdgeLive({ cameras, clock, log, ffmpegPath }: LiveGateOptions): EdgeLive {
  const streams = createStreams({ cameras, clock, log: log.child('streams'), ffmpegPath, rpicamVid: RPICAM_VID });
  const hls = new Hls({ streams, clock });
  const pictures = new Pictures({ streams, cameras, clock, log: log.child('pictures'), ffmpegPath });
  cameras.takeStillsFrom({
    isRunning: (camera) => streams.isRunning(camera),
    take: (camera) => pictures.snapshot(camera, { fresh: true }),
  });
  const parts: Part[] = [streams, hls, pictures];
  return {
    streams,
    hls,
    pictures,
    async start() {
      for (const part of parts) await part.start();
    },
    async stop() {
      for (const part of parts.toReversed()) await part.stop();
    },
  };
}
