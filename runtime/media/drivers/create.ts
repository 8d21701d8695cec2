import type { CameraUrl } from '../camera-url.ts';
import type { StillDriver } from '../driver.ts';
import { FileDriver } from './file.ts';
import { HttpDriver } from './http.ts';
import type { DriverParts } from './parts.ts';
import { RelabDriver } from './relab.ts';
import { RpicamDriver } from './rpicam.ts';
import { RtspDriver } from './rtsp.ts';
import { SimDriver } from './sim.ts';
import { V4l2Driver } from './v4l2.ts';

/** The driver of a camera URL, not yet opened. `auto` has to be found first. */
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
      return new HttpDriver(url.url, parts);
    case 'relab':
      return new RelabDriver(url.url, parts);
  }
}
