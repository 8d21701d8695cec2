import type { NodeAPI } from 'node-red';
import { cameraOfNode } from '../lib/camera-ref.ts';
import { defineNode, partOf } from '../lib/define-node.ts';
import * as shape from './config.ts';

/** Hands out the jobs of the analysis queue with their pictures. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'frame-queue',
    shape,
    setup(context) {
      const { config, host, status, send } = context;
      const camera = cameraOfNode(context, config.camera);
      status.waiting('waits for frames');
      const release = partOf(host, 'jobs').work(
        { concurrency: config.concurrency, ...(camera !== '' && { camera }) },
        (job, frame, jpeg) => {
          status.counted();
          send({ topic: frame.camera, payload: jpeg, frame, job });
        },
      );
      return { onClose: () => release() };
    },
  });
