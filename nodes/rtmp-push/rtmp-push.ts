import type { NodeAPI } from 'node-red';
import { Type } from 'typebox';
import type { Release } from '../../runtime/contracts/host.ts';
import { PUSH_SOUNDS, type PushSpec, type PushStatus } from '../../runtime/contracts/pushes.ts';
import { cameraOfNode } from '../lib/camera-ref.ts';
import { commandOf } from '../lib/command.ts';
import { defineNode, partOf } from '../lib/define-node.ts';
import { inputs } from '../lib/inputs.ts';
import type { StatusLine } from '../lib/status.ts';
import * as shape from './config.ts';

const asked = inputs(
  Type.Object({
    url: Type.Optional(Type.String()),
    key: Type.Optional(Type.String()),
    sound: Type.Optional(Type.Enum([...PUSH_SOUNDS])),
  }),
);

/** Pushes a camera to an RTMP destination without transcoding it; the flow hears how that goes. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'rtmp-push',
    shape,
    credentials: { key: 'password' },
    setup(context) {
      const { config, credentials, host, status: line, send, node } = context;
      const pushes = partOf(host, 'pushes');
      const name = config.push || `flow-${node.id.toLowerCase()}`;
      const { url, keyFile, sound, insecure, started } = config;
      let spec: PushSpec = { name, camera: cameraOfNode(context, config.camera), url, keyFile, sound, insecure };
      if (credentials.key) spec.key = credentials.key;
      let release: Release = pushes.declare(spec, { started });
      let last: PushStatus | undefined;
      const tell = (now: PushStatus) => {
        const change = last?.state === now.state && last.reason === now.reason ? 'figures' : 'state';
        last = now;
        show(line, now);
        send({ topic: now.camera, payload: now, change });
      };
      const unwatch = pushes.watch(name, tell);
      show(line, pushes.status(name));
      return {
        onInput(msg, reply) {
          const command = commandOf(msg);
          if (command === 'start') {
            const camera = typeof msg.camera === 'string' ? host.cameras.resolve(msg.camera) : spec.camera;
            const before = release;
            const { key = spec.key, ...change } = asked(msg, spec as unknown as Record<string, unknown>);
            const next: PushSpec = { ...spec, ...change, camera, ...(key && { key }) };
            release = pushes.declare(next);
            spec = next;
            before();
            pushes.switchOn(name);
          } else if (command === 'stop') pushes.switchOff(name);
          const now = pushes.status(name);
          show(line, now);
          // Keys and addresses with keys go in and do not come out.
          const { key: _key, url: _url, ...rest } = msg;
          reply({ ...rest, topic: now.camera, payload: now });
        },
        onClose(removed) {
          unwatch();
          release();
          if (removed) pushes.forget(name);
        },
      };
    },
  });

function show(line: StatusLine, { state, reason, bitsPerSecond, wanted }: PushStatus): void {
  if (state === 'live') line.ok(bitsPerSecond > 0 ? `live · ${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s` : 'live');
  else if (state === 'connecting') line.working(reason ?? 'connecting');
  else if (state === 'failed' || state === 'stalled') line.failed(reason ?? state);
  else line.waiting(reason ?? (wanted ? 'starting' : 'off'));
}
