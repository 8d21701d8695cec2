import type { NodeAPI } from 'node-red';
import { Type } from 'typebox';
import { cameraOf } from '../lib/camera-ref.ts';
import { defineNode } from '../lib/define-node.ts';
import { inputs } from '../lib/inputs.ts';
import { parseFields } from '../lib/parse.ts';
import * as shape from './config.ts';
import { eachCamera, ownCameras, Rounds, THE_ONE } from './rounds.ts';

const { width, height, jpeg_quality } = shape.schema.properties;
const picture = { width, height, jpeg_quality };
const readPicture = inputs(Type.Object(picture));
/** `msg.capture`: a new pace and picture, as device-config sends it. */
const Capture = Type.Object({ interval_ms: Type.Number({ minimum: 0, maximum: 86_400_000 }), ...picture });

/** Takes stills of one camera or of all: one per message, or by itself at an interval. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'camera-capture',
    shape,
    setup(context) {
      const { config, host, status, signal, send, fail } = context;
      const full = config.full ? { full: true } : {};
      let current: { width?: number; height?: number; jpeg_quality?: number } = config;

      /** cameras that failed last time, with the reason */
      const troubles = new Map<string, string>();

      const take = async (msg: Record<string, unknown>) => {
        const options = readPicture(msg, current);
        const camera = cameraOf(context, { message: msg.camera, node: config.camera });
        const { jpeg, ...still } = await host.cameras.capture(
          camera,
          { width: options.width, height: options.height, jpegQuality: options.jpeg_quality, ...full },
          signal,
        );
        status.counted('picture');
        troubles.delete(camera);
        return { ...msg, payload: jpeg, frame: { device: host.device, ...still } };
      };
      /** Sends a picture, or says why there is none: what one camera does is nothing to the others. */
      const shoot = async (camera: string, msg: Record<string, unknown>) => {
        const about = camera === THE_ONE ? msg : { ...msg, camera };
        await take(about)
          .then(send)
          .catch((error) => {
            fail(error, about);
            if (camera !== THE_ONE) troubles.set(camera, error.message);
          });
        for (const [id, why] of troubles) if (rounds.cameras.includes(id)) status.failed(`${id}: ${why}`);
      };

      const rounds = new Rounds(host.clock, (camera) => shoot(camera, {}));
      const follow = () => rounds.follow(config.every ? ownCameras(host.cameras.list()) : [THE_ONE]);
      const release = config.every ? host.cameras.watch(follow) : () => undefined;
      follow();
      rounds.set(config.interval_s * 1000);
      if (config.interval_s === 0) status.waiting('waits for a message');

      return {
        async onInput(msg, reply) {
          const { capture } = msg as { capture?: unknown };
          if (typeof capture === 'object' && capture !== null) {
            const asked = capture as Record<string, unknown>;
            const { interval_ms, ...wanted } = parseFields(Capture, asked, 'message.invalid', () => 'msg.capture.');
            current = { ...config, ...wanted };
            rounds.set(interval_ms);
          } else if (config.every && !msg.camera) {
            await eachCamera(rounds.cameras, async (camera) => reply(await take({ ...msg, camera })));
          } else reply(await take(msg));
        },
        onClose() {
          release();
          rounds.stop();
        },
      };
    },
  });
