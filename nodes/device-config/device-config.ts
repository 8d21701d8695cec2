import type { NodeAPI } from 'node-red';
import type { ServedConfig } from '../../runtime/contracts/device-config.ts';
import { defineNode, partOf } from '../lib/define-node.ts';
import * as shape from './config.ts';

/** Tells the flow how the server wants the device to work: at once, and at each change. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'device-config',
    shape,
    setup({ host, status, send }) {
      const source = partOf(host, 'config');
      const tell = (served: ServedConfig) => {
        const { capture_interval_s, burst_fps, jpeg_quality, width, height } = served.config;
        const burst = served.mode === 'burst';
        const interval_ms = burst ? 1000 / burst_fps : capture_interval_s * 1000;
        status.ok(burst ? `burst · ${burst_fps} fps` : `baseline · every ${capture_interval_s} s`);
        send({
          topic: 'device-config',
          payload: served,
          capture: { interval_ms, jpeg_quality, width, height },
        });
      };
      const current = source.current();
      if (!current) status.waiting('no configuration yet');
      // Nodes start one after the other: the first message waits until the wires behind this one are up.
      const cancel = host.clock.after(0, () => {
        const now = source.current();
        if (now) tell(now);
      });
      const release = source.watch(tell);
      return {
        onClose() {
          cancel();
          release();
        },
      };
    },
  });
