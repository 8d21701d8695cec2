import type { NodeAPI } from 'node-red';
import { cameraOfNode } from '../lib/camera-ref.ts';
import { defineNode, partOf } from '../lib/define-node.ts';
import * as shape from './config.ts';

/** Says that frames are wanted, and tells the flow of each one that is stored. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'ingest-frame',
    shape,
    setup(context) {
      const { config, host, status, send } = context;
      const camera = cameraOfNode(context, config.camera);
      status.waiting('waits for frames');
      const release = partOf(host, 'ingest').attach({
        ...(camera !== '' && { camera }),
        analyse: config.analyse,
        onFrame(frame) {
          status.counted();
          send({ topic: frame.camera, payload: frame, frame });
        },
      });
      return { onClose: () => release() };
    },
  });
