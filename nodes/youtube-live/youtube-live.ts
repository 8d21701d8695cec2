import type { NodeAPI } from 'node-red';
import type { BroadcastStatus } from '../../runtime/contracts/broadcasts.ts';
import { AppError } from '../../runtime/contracts/errors.ts';
import { cameraOfNode } from '../lib/camera-ref.ts';
import { commandOf } from '../lib/command.ts';
import { defineNode, partOf } from '../lib/define-node.ts';
import type { StatusLine } from '../lib/status.ts';
import * as shape from './config.ts';
import { readWish } from './wish.ts';

/** Runs a broadcast at YouTube, and has the camera's picture pushed to it; the flow hears how that goes. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'youtube-live',
    shape,
    setup(context) {
      const { config, host, status: line, send, node } = context;
      const broadcasts = partOf(host, 'broadcasts');
      const name = config.stream || `flow-${node.id.toLowerCase()}`;
      const camera = cameraOfNode(context, config.camera);
      const { started } = config;
      const release = broadcasts.declare({ name, camera, wish: readWish({}, config) }, { started });
      let last = '';
      const unwatch = broadcasts.watch(name, (now) => {
        show(line, now);
        const face = `${now.state} ${now.reason} ${now.url}`;
        if (face !== last) send({ topic: now.camera, payload: now, change: 'state' });
        last = face;
      });
      show(line, broadcasts.status(name));
      return {
        async onInput(msg, reply) {
          const command = commandOf(msg);
          if (command === 'start') {
            const other = typeof msg.camera === 'string' ? host.cameras.resolve(msg.camera) : camera;
            // A name needs no second holder: it is the same broadcast.
            broadcasts.declare({ name, camera: other, wish: readWish(msg, config) })();
            const { state, reason } = await broadcasts.start(name);
            if (state === 'failed') throw new AppError('youtube.unavailable', reason ?? 'the broadcast was not begun');
          } else if (command === 'stop') await broadcasts.stop(name);
          const now = broadcasts.status(name);
          show(line, now);
          reply({ ...msg, topic: now.camera, payload: now });
        },
        async onClose(removed) {
          unwatch();
          release();
          if (removed) await broadcasts.forget(name);
        },
      };
    },
  });

function show(line: StatusLine, { state, reason, wanted }: BroadcastStatus): void {
  if (state === 'live') line.ok(reason === undefined ? 'live' : `live · ${reason}`);
  else if (state === 'connecting') line.working(reason ?? 'connecting');
  else if (state === 'failed' || state === 'stalled') line.failed(reason ?? state);
  else line.waiting(reason ?? (wanted ? 'starting' : 'off'));
}
