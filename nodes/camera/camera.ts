import type { NodeAPI } from 'node-red';
import { AppError } from '../../runtime/contracts/errors.ts';
import { defineNode } from '../lib/define-node.ts';
import * as shape from './config.ts';

/** Holds a camera's id for other nodes; with an address it brings the camera along while the flow runs. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'camera',
    shape,
    credentials: { url: 'password' },
    setup({ config, credentials, host }) {
      const { url } = credentials;
      if (!url) return undefined;
      if (config.camera === '') {
        throw new AppError('node.config_invalid', 'a camera with an address needs an id', { field: 'camera' });
      }
      const release = host.cameras.declare({ id: config.camera, url });
      return { onClose: () => release() };
    },
  });
