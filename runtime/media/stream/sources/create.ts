import type { CameraSettingsChange } from '../../../contracts/cameras.ts';
import { AppError } from '../../../contracts/errors.ts';
import type { CameraUrl } from '../../camera-url.ts';
import type { SourceParts } from '../process-source.ts';
import type { StreamSource } from '../stream-source.ts';
import { createFileSource } from './file.ts';
import { createRpicamSource } from './rpicam.ts';
import { createRtspSource } from './rtsp.ts';
import { SimSource } from './sim.ts';
import { createV4l2Source } from './v4l2.ts';

/** What every source is handed. */
export interface CreateParts extends SourceParts {
  ffmpegPath: string;
  rpicamVid: readonly string[];
  v4l2Ctl?: string | undefined;
  /** where what was encoded once outlives the process */
  cacheFolder?: string | undefined;
  /** how the camera was set through Redeye */
  settings?: CameraSettingsChange;
  /** what is encoded here takes at most so many bits a second */
  limitBits?: number | undefined;
  /** has whoever else of ours holds the device let go of it, before each start */
  release?(): Promise<void>;
}

/** The source of a camera URL, not yet started. Throws `camera.no_stream` for a camera that gives stills only. */
export function createSource(url: Exclude<CameraUrl, { kind: 'auto' }>, parts: CreateParts): StreamSource {
  switch (url.kind) {
    case 'sim':
      return new SimSource(url, parts);
    case 'file':
      return createFileSource(url.path, parts);
    case 'rtsp':
      return createRtspSource(url.url, parts);
    case 'v4l2':
      return createV4l2Source(url.device, parts);
    case 'rpicam':
      return createRpicamSource(url.index, parts);
    case 'http':
    case 'relab':
      throw noStream(url) ?? new AppError('camera.no_stream', 'nothing live comes from this camera');
  }
}

/** `camera.no_stream`, in words, for a camera that gives JPEGs and no H.264; undefined for any other. */
export function noStream(url: CameraUrl): AppError | undefined {
  if (url.kind !== 'http' && url.kind !== 'relab') return undefined;
  return new AppError('camera.no_stream', 'this camera gives JPEGs and no H.264: it can be watched as MJPEG only');
}
