import { CameraSettings } from '../../runtime/contracts/cameras.ts';
import type { Log } from '../../runtime/contracts/host.ts';
import { parser } from '../../runtime/lib/validate.ts';
import { CameraControls } from '../../runtime/media/camera-controls.ts';
import type { ChildCommands } from './child-commands.ts';
import type { Link } from './link.ts';

const ANSWER_MS = 20_000;
/** A flow may get hold of the channel to us. */
const parseSettings = parser(CameraSettings);

/** The controls of the device's cameras: set by topics, done by the process of the flows, said by the link. */
export function controlsOf(
  child: Pick<ChildCommands, 'run'>,
  link: Pick<Link, 'tellControl'>,
  log: Log,
): CameraControls {
  return new CameraControls({
    async settings(camera, change) {
      const args = { camera, ...(change && { change }) };
      const run = { signal: AbortSignal.timeout(ANSWER_MS), progress: () => undefined };
      const { settings } = (await child.run('camera-settings', args, run)) as { settings?: unknown };
      return parseSettings(settings);
    },
    say: (camera, control, state) => link.tellControl(camera, control, state),
    log,
  });
}
