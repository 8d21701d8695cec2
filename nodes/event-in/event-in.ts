import type { NodeAPI } from 'node-red';
import type { EventMessage } from '../../runtime/contracts/events.ts';
import { cameraOfNode } from '../lib/camera-ref.ts';
import { defineNode, partOf } from '../lib/define-node.ts';
import * as shape from './config.ts';
import { Cooldown } from './cooldown.ts';

/** Starts a flow when something happened. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'event-in',
    shape,
    setup(context) {
      const { config, host, status, send, fail } = context;
      const events = partOf(host, 'events');
      const camera = cameraOfNode(context, config.camera);
      const cooldown = new Cooldown(host.clock, config.cooldown_s * 1000);
      const tell = async ({ n, phase, event }: EventMessage) => {
        const image = config.picture === '' ? undefined : await events.image(event.id, config.picture);
        status.counted('event');
        send({ topic: event.type, payload: event, phase, n, ...(image && { image }) });
      };
      status.waiting('waits for events');
      const release = events.subscribe(
        {
          ...(config.event !== '' && { types: [config.event] }),
          ...(camera !== '' && { camera }),
          ...(config.phase !== '' && { phase: config.phase }),
        },
        (message) => {
          const { event, phase } = message;
          if (cooldown.passes(`${event.camera} ${event.type} ${phase}`)) tell(message).catch(fail);
        },
      );
      return { onClose: () => release() };
    },
  });
