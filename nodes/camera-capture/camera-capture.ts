import type { NodeAPI } from 'node-red';
import { Type } from 'typebox';
import { cameraOf } from '../lib/camera-ref.ts';
import { defineNode } from '../lib/define-node.ts';
import { inputs } from '../lib/inputs.ts';
import { parseFields } from '../lib/parse.ts';
import * as shape from './config.ts';
import { Pace } from './pace.ts';

const { width, height, jpeg_quality } = shape.schema.properties;
const picture = { width, height, jpeg_quality };
const readPicture = inputs(Type.Object(picture));
/** `msg.capture`: a new pace and picture, as device-config sends it. */
const Capture = Type.Object({ interval_ms: Type.Number({ minimum: 0, maximum: 86_400_000 }), ...picture });

/** Takes stills: one per message, or by itself at an interval. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'camera-capture',
    shape,
    setup(context) {
      const { config, host, status, signal, send, fail } = context;
      let current: { width?: number; height?: number; jpeg_quality?: number } = config;

      const take = async (msg: Record<string, unknown>) => {
        const options = readPicture(msg, current);
        const camera = cameraOf(context, { message: msg.camera, node: config.camera });
        const { jpeg, ...still } = await host.cameras.capture(
          camera,
          { width: options.width, height: options.height, jpegQuality: options.jpeg_quality },
          signal,
        );
        status.counted('picture');
        return { ...msg, payload: jpeg, frame: { device: host.device, ...still } };
      };

      const pace = new Pace(host.clock, async () => {
        try {
          send(await take({}));
        } catch (error) {
          fail(error, {});
        }
      });
      pace.set(config.interval_s * 1000);
      if (config.interval_s === 0) status.waiting('waits for a message');

      return {
        async onInput(msg, reply) {
          const { capture } = msg as { capture?: unknown };
          if (typeof capture !== 'object' || capture === null) {
            reply(await take(msg));
            return;
          }
          const { interval_ms, ...wanted } = parseFields(
            Capture,
            capture as Record<string, unknown>,
            'message.invalid',
            () => 'msg.capture.',
          );
          current = { ...config, ...wanted };
          pace.set(interval_ms);
        },
        onClose: () => pace.stop(),
      };
    },
  });
