import type { Release } from '../../runtime/contracts/host.ts';
import type { LiveOutputKind, LiveOutputStatus } from '../../runtime/contracts/live.ts';
import { cameraOfNode } from './camera-ref.ts';
import { commandOf } from './command.ts';
import { type Behaviour, type NodeContext, partOf } from './define-node.ts';
import type { RedeyeMessage } from './messages.ts';

export interface LiveOutputConfig {
  camera: string;
  started: boolean;
}

/**
 * What the nodes `hls-out`, `mjpeg-out` and `webrtc-out` do: between `start` and `stop` the output is kept ready, else it runs while
 * somebody watches; either way each change of its state and of who watches is a message.
 */
export function liveOutput(context: NodeContext<LiveOutputConfig>, kind: LiveOutputKind): Behaviour {
  const { config, host, status: line, send } = context;
  const live = partOf(host, 'live');
  let camera = cameraOfNode(context, config.camera);
  let last: LiveOutputStatus;
  let unwatch: Release = () => undefined;
  let release: Release | undefined;

  const messageOf = (now: LiveOutputStatus): RedeyeMessage => ({
    topic: now.camera,
    payload: { ...now, started: release !== undefined },
  });
  const show = (now: LiveOutputStatus) => {
    last = now;
    const watched = now.viewers === 0 ? 'nobody watches' : `${now.viewers} ${now.viewers === 1 ? 'watches' : 'watch'}`;
    if (now.state === 'failed') line.failed(now.reason ?? 'failed');
    else if (now.state === 'waiting') line.waiting(now.reason ?? 'waits for the camera');
    else if (now.state === 'connecting') line.working(`connecting · ${watched}`);
    else if (now.state === 'live') line.ok(`live · ${watched}`);
    else line.waiting(release ? 'starting' : 'off until somebody watches');
  };
  const look = () => show(live.status(camera, kind));
  const tell = (now: LiveOutputStatus) => {
    const change = now.viewers === last.viewers ? 'state' : 'viewers';
    show(now);
    send({ ...messageOf(now), change });
  };
  const follow = (id: string) => {
    unwatch();
    camera = id;
    unwatch = live.watch(camera, kind, tell);
    look();
  };
  const start = () => {
    const before = release;
    release = live.keepWarm(camera, kind);
    before?.();
  };
  const stop = () => {
    release?.();
    release = undefined;
  };

  if (config.started) start();
  follow(camera);
  return {
    onInput(msg, reply) {
      const command = commandOf(msg);
      if (command === 'start') {
        const wanted = host.cameras.resolve(typeof msg.camera === 'string' ? msg.camera : camera);
        if (wanted !== camera) follow(wanted);
        start();
      } else if (command === 'stop') stop();
      look();
      reply({ ...msg, ...messageOf(last) });
    },
    onClose() {
      unwatch();
      stop();
    },
  };
}
