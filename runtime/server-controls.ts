import type { CameraHost, Clock, Log } from './contracts/host.ts';
import { SERVER_DEVICE } from './contracts/ids.ts';
import { deviceTopics } from './contracts/topics.ts';
import type { Part } from './lib/part.ts';
import { CameraControls } from './media/camera-controls.ts';

export interface ServerControlsParts {
  site: string;
  cameras: Pick<CameraHost, 'list' | 'settings' | 'applySettings' | 'watch'>;
  publish: (topic: string, body: object, options: { retain: true }) => Promise<void>;
  clock: Clock;
  log: Log;
}

/** The topics of the server's own cameras, as a device has them for its own (CONTRACTS §5). Start it once the broker runs. */
export interface ServerControls extends Part {
  /** Somebody published `c/<camera>/<control>/set`. */
  hear(camera: string, control: string, body: unknown): void;
}

/** Says how cameras and their controls are, when that changes, and does what is set. */
export function createServerControls({ site, cameras, publish, clock, log }: ServerControlsParts): ServerControls {
  const topics = deviceTopics(site, SERVER_DEVICE);
  const told = new Map<string, string>();
  const say = (topic: string, body: object) => {
    const face = JSON.stringify(body);
    if (told.get(topic) === face) return;
    told.set(topic, face);
    publish(topic, { v: 1, ts: clock.now(), ...body }, { retain: true }).catch((error) =>
      log.warn('a camera’s topic was not published', { topic, error }),
    );
  };
  const own = (camera: string) => cameras.list().find(({ id, byFlow }) => id === camera && !byFlow);
  const controls = new CameraControls({
    settings: (camera, change) => (change ? cameras.applySettings(camera, change) : cameras.settings(camera)),
    say: (camera, control, state) => say(topics.cameraControlState(camera, control), state),
    log,
  });
  const tell = (camera: string) => {
    const known = own(camera);
    if (!known) return;
    const { state, driver, reason } = known;
    say(topics.cameraState(camera), { state, driver, ...(reason !== undefined && { reason }) });
    void controls.tell(camera);
  };
  let unwatch = () => {};
  return {
    hear(camera, control, body) {
      if (own(camera)) controls.hear(camera, control, body);
      else log.warn('there is no such camera here to be set', { camera, control });
    },
    async start() {
      told.clear();
      unwatch = cameras.watch(tell);
      for (const { id } of cameras.list()) tell(id);
    },
    async stop() {
      unwatch();
    },
  };
}
