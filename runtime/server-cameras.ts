import type { Clock, ConfigHost, IngestHost, Log } from './contracts/host.ts';
import type { FramesService } from './contracts/services.ts';
import type { Db } from './db/db.ts';
import type { Fleet } from './fleet/fleet.ts';
import { OwnConfig } from './fleet/own-config.ts';
import { OwnFrames } from './frames/own-frames.ts';
import { coalesced } from './lib/coalesced.ts';
import type { Part } from './lib/part.ts';
import type { CameraSet } from './media/camera-set.ts';

export interface ServerCamerasParts {
  db: Db;
  fleet: Fleet;
  cameras: CameraSet;
  frames: Pick<FramesService, 'accept'>;
  clock: Clock;
  log: Log;
}

/** What the server does as the device of its own cameras. */
export interface ServerCameras extends Part {
  /** configuration of device `server` */
  config: ConfigHost;
  store: IngestHost['store'];
}

/** Keeps the drivers in step with the register, and puts together what their flow needs: pace, and a place for the pictures. */
export function createServerCameras(parts: ServerCamerasParts): ServerCameras {
  const { fleet, cameras, clock, log } = parts;
  const config = new OwnConfig({ fleet, clock, log });
  const isOwn = (camera: string) => cameras.list().some(({ id, byFlow }) => id === camera && !byFlow);
  const own = new OwnFrames({ ...parts, isOwn });
  const follow = follower(fleet, cameras, log);
  let unlisten = () => {};
  return {
    config,
    store: (still) => own.store(still),
    async start() {
      unlisten = fleet.onCamerasChanged(
        () => void follow().catch((error) => log.error('the cameras could not be followed', { error })),
      );
      await follow();
      await own.start();
      await config.start();
    },
    async stop() {
      unlisten();
      await config.stop();
      await own.stop();
    },
  };
}

/** Makes what brings the drivers in line with the register. */
function follower(fleet: Fleet, cameras: CameraSet, log: Log): () => Promise<void> {
  const known = new Set<string>();
  return coalesced(async () => {
    const wanted = await fleet.serverCameras();
    for (const camera of wanted) {
      known.add(camera.id);
      try {
        cameras.define(camera);
      } catch (error) {
        // One that cannot be used does not keep the others from being followed.
        log.error('a camera cannot be used', { camera: camera.id, error });
      }
    }
    for (const id of [...known].filter((one) => !wanted.some((camera) => camera.id === one))) {
      known.delete(id);
      await cameras.remove(id);
    }
  });
}
