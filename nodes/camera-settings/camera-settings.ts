import type { NodeAPI } from 'node-red';
import type { Static } from 'typebox';
import type { CameraSettings, CameraSettingsChange } from '../../runtime/contracts/cameras.ts';
import { AppError } from '../../runtime/contracts/errors.ts';
import { cameraOf } from '../lib/camera-ref.ts';
import { defineNode } from '../lib/define-node.ts';
import { inputs } from '../lib/inputs.ts';
import * as shape from './config.ts';

/** Sets how a camera captures, and tells how it is set. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'camera-settings',
    shape,
    setup(context) {
      const { config, host, status } = context;
      const read = inputs(shape.schema);
      return {
        async onInput(msg, send) {
          // The form's camera is that of a node, the message's an id.
          const wanted = changeIn(read({ ...msg, camera: undefined }, config));
          const camera = cameraOf(context, { message: msg.camera, node: config.camera });
          const isChange = Object.keys(wanted).length > 0;
          status.working(isChange ? `sets ${camera}` : `asks ${camera}`);
          const settings = isChange
            ? await host.cameras.applySettings(camera, wanted)
            : await host.cameras.settings(camera);
          status.ok(phraseOf(settings));
          send({ ...msg, payload: settings, camera });
        },
      };
    },
  });

function changeIn({ auto, exposure, gain, width, height, fps }: Static<typeof shape.schema>): CameraSettingsChange {
  if ((width === undefined) !== (height === undefined)) {
    const missing = width === undefined ? 'width' : 'height';
    throw new AppError('message.invalid', `${missing} is missing: a size has both`, { field: missing });
  }
  return {
    ...(auto && { exposure: null, gain: null }),
    ...(exposure !== undefined && !auto && { exposure }),
    ...(gain !== undefined && !auto && { gain }),
    ...(width !== undefined && height !== undefined && { resolution: { width, height } }),
    ...(fps !== undefined && { fps }),
  };
}

function phraseOf({ exposure, gain, resolution, fps }: CameraSettings): string {
  const words = [
    exposure === null ? 'exposure by itself' : exposure !== undefined && `${exposure} ms`,
    typeof gain === 'number' && `gain ${gain}`,
    resolution && `${resolution.width}x${resolution.height}`,
    fps !== undefined && `${fps} fps`,
  ];
  return words.filter(Boolean).join(' · ') || 'nothing can be set';
}
