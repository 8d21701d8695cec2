import type { NodeAPI } from 'node-red';
import { cameraOfNode } from '../lib/camera-ref.ts';
import { defineNode, partOf } from '../lib/define-node.ts';
import { stillOf } from '../lib/messages.ts';
import * as shape from './config.ts';

/** Says that frames are wanted, and tells the flow of each one that is stored; stills at its input become frames of the server. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'ingest-frame',
    shape,
    setup(context) {
      const { config, host, status, send } = context;
      const ingest = partOf(host, 'ingest');
      const camera = cameraOfNode(context, config.camera);
      status.waiting('waits for frames');
      const release = ingest.attach({
        ...(camera !== '' && { camera }),
        ...(config.device !== '' && { device: config.device }),
        analyse: config.analyse,
        onFrame(frame) {
          status.counted();
          send({ topic: frame.camera, payload: frame, frame });
        },
      });
      return {
        // What is stored leaves by `onFrame`, as every other frame.
        async onInput(msg) {
          await ingest.store(stillOf(msg));
        },
        onClose: () => release(),
      };
    },
  });
