import type { NodeAPI } from 'node-red';
import type { UploadStatus } from '../../runtime/contracts/host.ts';
import { defineNode, partOf } from '../lib/define-node.ts';
import { frameOf, stillOf } from '../lib/messages.ts';
import { ageOf } from '../lib/status.ts';
import * as shape from './config.ts';

/** Puts pictures into the spool; the agent sends them until the server has acknowledged them. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'frame-upload',
    shape,
    setup({ host, status }) {
      const upload = partOf(host, 'upload');
      const show = (now: UploadStatus) => {
        const waits = `${now.frames} wait${now.frames === 1 ? 's' : ''}`;
        if (now.state === 'refused') status.failed(`${waits} · ${now.reason ?? 'refused by the server'}`);
        else if (now.state === 'waiting') status.waiting(`${waits} · ${now.reason ?? 'server not reached'}`);
        else if (now.lastSentAt === undefined) status.waiting(waits);
        else status.ok(`${now.sent} sent · ${ageOf(host.clock.now() - now.lastSentAt)}`);
      };
      show(upload.status());
      const release = upload.watch(show);
      return {
        async onInput(msg, send) {
          const { seq } = await upload.spool(stillOf(msg));
          send({ ...msg, frame: { ...frameOf(msg), seq } });
        },
        onClose: () => release(),
      };
    },
  });
