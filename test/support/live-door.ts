import { AppError } from '../../runtime/contracts/errors.ts';
import type { CameraHost } from '../../runtime/contracts/host.ts';
import type { WhepService } from '../../runtime/contracts/live.ts';
import type { PictureService } from '../../runtime/contracts/live-outputs.ts';
import type { FleetService } from '../../runtime/contracts/services.ts';
import type { StreamHost } from '../../runtime/contracts/streams.ts';
import type { HttpParts } from '../../runtime/http/app.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { Hls } from '../../runtime/media/hls/hls.ts';
import { Pictures } from '../../runtime/media/mjpeg/pictures.ts';
import { openDoor } from './http-door.ts';
import { FakeStreams } from './stream-fixture.ts';

/** The HTTP face with HLS and pictures of the clips that its `streams` play, or `over` in their place. `close` it in `afterEach`. */
export async function openLiveDoor(parts: Partial<HttpParts> & { shown?: PictureService; over?: StreamHost } = {}) {
  const { shown, over, ...others } = parts;
  const streams = new FakeStreams();
  const capture: CameraHost['capture'] = () => Promise.reject(new AppError('camera.no_picture', 'it gives no stills'));
  const hls = new Hls({ streams: over ?? streams, clock: systemClock });
  const pictures = new Pictures({ streams, cameras: { capture }, clock: systemClock, log: silentLog });
  const fleet = {
    camera: async (id: string) => ({ id }),
    deviceOfKey: async () => undefined,
  } as unknown as FleetService;
  const whep = { iceServers: () => [], sessions: () => [], kick: () => false } as unknown as WhepService;
  const door = await openDoor({
    live: { streams: over ?? streams, whep, hls, pictures: shown ?? pictures, sessions: [] },
    fleet,
    ...others,
  });
  return {
    ...door,
    streams,
    hls,
    pictures,
    /** A stream token of a new viewer for that camera. */
    async streamToken(camera: string, cameras: string[] | null = null): Promise<string> {
      const token = await door.userToken('viewer', cameras);
      const { json } = await door.call('POST', `/api/v1/cameras/${camera}/stream-token`, { token });
      return json.token;
    },
    async close() {
      await door.close();
      await hls.stop();
      await pictures.stop();
      await streams.close();
    },
  };
}
