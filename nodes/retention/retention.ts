import type { NodeAPI } from 'node-red';
import type { RetentionReport } from '../../runtime/contracts/retention.ts';
import { defineNode, partOf } from '../lib/define-node.ts';
import { inputs } from '../lib/inputs.ts';
import * as shape from './config.ts';

/** Deletes what is too old or too much, and tells what that was. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'retention',
    shape,
    setup({ config, host, status }) {
      const retention = partOf(host, 'retention');
      const read = inputs(shape.schema);
      return {
        async onInput(msg, send) {
          const { work, dry_run: dryRun } = read(msg, config);
          status.working(dryRun ? 'looks what is old' : 'deletes what is old');
          const report = await retention.run({ dryRun, work });
          if (report.state === 'done') status.ok(phraseOf(report));
          else status.waiting(report.notes[0] ?? report.state);
          send({ ...msg, payload: report });
        },
      };
    },
  });

function phraseOf({ deleted, dry_run: dry }: RetentionReport): string {
  const megabytes = (deleted.segment_bytes + deleted.event_image_bytes + deleted.orphan_bytes) / 1e6;
  return `${dry ? 'would free' : 'freed'} ${megabytes.toFixed(megabytes < 10 ? 1 : 0)} MB · ${deleted.captures} frames`;
}
