import type { NodeAPI } from 'node-red';
import { Type } from 'typebox';
import { PUSH_SOUNDS } from '../../runtime/contracts/pushes.ts';
import { INGRESS_WAYS, ROOM_PATTERN, type RoomSpec, type RoomStatus } from '../../runtime/contracts/rooms.ts';
import { cameraOfNode } from '../lib/camera-ref.ts';
import { commandOf } from '../lib/command.ts';
import { defineNode, partOf } from '../lib/define-node.ts';
import { inputs } from '../lib/inputs.ts';
import type { StatusLine } from '../lib/status.ts';
import * as shape from './config.ts';

const asked = inputs(
  Type.Object({
    room: Type.Optional(Type.String({ pattern: `^$|${ROOM_PATTERN}` })),
    via: Type.Enum([...INGRESS_WAYS]),
    sound: Type.Enum([...PUSH_SOUNDS]),
  }),
);

/** Brings a camera into a room of LiveKit, through an ingress that is made once; the flow hears how that goes. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'livekit-ingress',
    shape,
    setup(context) {
      const { config, host, status: line, send, node } = context;
      const rooms = partOf(host, 'rooms');
      const name = config.stream || `flow-${node.id.toLowerCase()}`;
      const { room, via, sound, started } = config;
      const own: RoomSpec = { name, camera: cameraOfNode(context, config.camera), room, via, sound };
      const release = rooms.declare(own, { started });
      let last = '';
      const unwatch = rooms.watch(name, (now) => {
        show(line, now);
        const face = `${now.state} ${now.reason} ${now.room}`;
        if (face !== last) send({ topic: now.camera, payload: now, change: 'state' });
        last = face;
      });
      show(line, rooms.status(name));
      return {
        async onInput(msg, reply) {
          const command = commandOf(msg);
          if (command === 'start') {
            const camera = typeof msg.camera === 'string' ? host.cameras.resolve(msg.camera) : own.camera;
            const { room: wanted = '', ...ways } = asked(msg, config);
            // A name needs no second holder: it is the same stream.
            rooms.declare({ name, camera, room: wanted, ...ways })();
            await rooms.start(name);
          } else if (command === 'stop') await rooms.stop(name);
          const now = rooms.status(name);
          show(line, now);
          reply({ ...msg, topic: now.camera, payload: now });
        },
        async onClose(removed) {
          unwatch();
          release();
          if (removed) await rooms.forget(name);
        },
      };
    },
  });

function show(line: StatusLine, { state, reason, wanted, room, bitsPerSecond }: RoomStatus): void {
  if (state === 'live')
    line.ok(
      reason
        ? `live · ${reason}`
        : `${room}${bitsPerSecond > 0 ? ` · ${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s` : ''}`,
    );
  else if (state === 'connecting') line.working(reason ?? 'connecting');
  else if (state === 'failed' || state === 'stalled') line.failed(reason ?? state);
  else line.waiting(reason ?? (wanted ? 'starting' : 'off'));
}
