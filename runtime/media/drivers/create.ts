import { AppError } from '../../contracts/errors.ts';
import type { CameraUrl } from '../camera-url.ts';
import type { StillDriver } from '../driver.ts';
import { FileDriver } from './file.ts';
import type { DriverParts } from './parts.ts';
import { RpicamDriver } from './rpicam.ts';
import { RtspDriver } from './rtsp.ts';
import { SimDriver } from './sim.ts';
import { V4l2Driver } from './v4l2.ts';

/** The driver of a camera URL, not yet opened. `auto` has to be found first. Throws `camera.driver_missing`. */
export function createDriver(url: Exclude<CameraUrl, { kind: 'auto' }>, parts: DriverParts): StillDriver {
  switch (url.kind) {
    case 'sim':
      return new SimDriver(url, parts);
    case 'file':
      return new FileDriver(url.path, parts);
    case 'rtsp':
      return new RtspDriver(url.url, parts);
    case 'v4l2':
      return new V4l2Driver(url.device, parts);
    case 'rpicam':
      return new RpicamDriver(url.index, parts);
    case 'http':
    case 'relab': {
      const what = url.kind === 'http' ? 'http:// camera services' : 'relab+http:// camera services';
      const words = `this version has no driver for ${what} yet; use rtsp:, rpicam:, v4l2:, file: or sim:`;
      throw new AppError('camera.driver_missing', words);
    }
  }
}
