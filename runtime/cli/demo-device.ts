import type { DeviceConfigPatch } from '../contracts/device-config.ts';
import type { Roi } from '../contracts/rois.ts';
import type { RunningServer } from '../main.ts';

/** What the starter asks of the server it forked, and the answers. The starter is the server's parent, so it is trusted. */
export type StarterMessage = {
  ask: 'demo-device';
  device: string;
  name: string;
  config: DeviceConfigPatch;
  rois: Roi[];
};
export type ServerMessage =
  | { say: 'ready'; url: string; adminPassword: string | undefined; flows: string }
  | { say: 'demo-device'; key: string }
  | { say: 'failed'; message: string };

const ACTOR = { name: 'setup' };

/** Tells the starter that the server is up, registers the simulated Pi when asked, and ends when the starter is gone. */
export function answerStarter(server: RunningServer, onGone: () => void): void {
  const say = (message: ServerMessage) => process.send?.(message);
  process.on('disconnect', onGone);
  process.on('message', (message: StarterMessage) => {
    registerDemo(server, message).then(
      (key) => say({ say: 'demo-device', key }),
      (error) => say({ say: 'failed', message: String(error.message ?? error) }),
    );
  });
  say({ say: 'ready', url: server.url, adminPassword: server.adminPassword, flows: server.flows });
}

/** The device with a key that works. Settings and ROIs are given to a new one only: what an operator changed stays. */
async function registerDemo({ fleet }: RunningServer, wanted: StarterMessage): Promise<string> {
  const { created, api_key } = await fleet.ensureDevice(wanted.device, wanted.name);
  if (created) await fleet.putConfig(wanted.device, wanted.config, ACTOR);
  const [camera] = (await fleet.device(wanted.device)).cameras;
  if (camera === undefined) return api_key;
  const current = await fleet.rois(camera);
  // The built-in scene's ROIs make no sense on somebody's own footage, and the other way round.
  if (current.version === 0 && wanted.rois.length > 0) await fleet.putRois(camera, { rois: wanted.rois }, ACTOR);
  return api_key;
}
