import type { NodeAPI } from 'node-red';
import { defineNode } from '../lib/define-node.ts';
import { liveOutput } from '../lib/live-output.ts';
import * as shape from './config.ts';

/** A camera as HLS: kept ready between `start` and `stop`; the flow hears of its state and of who watches. */
export default (RED: NodeAPI) =>
  defineNode(RED, { type: 'hls-out', shape, setup: (context) => liveOutput(context, 'hls') });
