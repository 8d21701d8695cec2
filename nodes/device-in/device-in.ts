import type { NodeAPI } from 'node-red';
import type { DeviceWord } from '../../runtime/contracts/commands.ts';
import { defineNode, partOf } from '../lib/define-node.ts';
import * as shape from './config.ts';

/** Starts a flow when a device says something of itself. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'device-in',
    shape,
    setup({ config, host, status, send }) {
      const devices = partOf(host, 'devices');
      status.waiting('waits for devices');
      const release = devices.watch(
        {
          ...(config.device !== '' && { device: config.device }),
          ...(config.kind !== '' && { kinds: [config.kind] }),
        },
        (word) => {
          status.counted('message');
          send({
            topic: `${word.device}/${word.kind}`,
            payload: saidIn(word),
            device: word.device,
            kind: word.kind,
            at: word.at,
          });
        },
      );
      return { onClose: () => release() };
    },
  });

function saidIn(word: DeviceWord): unknown {
  if (word.kind === 'state') return word.state;
  return word.kind === 'info' ? word.info : word.heartbeat;
}
