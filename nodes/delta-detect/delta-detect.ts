import type { NodeAPI } from 'node-red';
import type { DetectionReport } from '../../runtime/contracts/detection.ts';
import type { DetectionMemory } from '../../runtime/contracts/host.ts';
import { defineNode } from '../lib/define-node.ts';
import { frameOf, jobOf, jpegOf, type RedeyeMessage, storedFrameOf } from '../lib/messages.ts';
import * as shape from './config.ts';

/** Compares pictures with what their camera usually shows; with a job the result is committed together with it. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'delta-detect',
    shape,
    setup({ host, node, status }) {
      // State of plain comparisons, per camera: a node may see several, and it starts anew at each Deploy.
      const memories = new Map<string, DetectionMemory>();
      const compare = (msg: Record<string, unknown>): Promise<DetectionReport> => {
        const jpeg = jpegOf(msg);
        const job = jobOf(msg);
        if (job) return host.detection.compareJob(job, storedFrameOf(msg), jpeg, { flow: node.z ?? '' });
        const frame = frameOf(msg);
        const memory = memories.get(frame.camera) ?? {};
        memories.set(frame.camera, memory);
        return host.detection.compareFrame(frame, jpeg, memory);
      };
      return {
        async onInput(msg, send) {
          const detection = await compare(msg);
          const active = detection.rois.filter((roi) => roi.active).map((roi) => roi.name);
          if (active.length > 0) status.working(`${detection.camera}: ${active.join(', ')}`);
          else status.ok(`${detection.camera}: ${detection.decision}`);
          send([{ ...msg, detection }, null]);
          for (const event of detection.events) {
            const { job: _job, ...rest } = msg;
            send([null, { ...rest, topic: event.type, payload: event, detection } as RedeyeMessage]);
          }
        },
      };
    },
  });
