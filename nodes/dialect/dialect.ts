import type { NodeAPI } from 'node-red';
import { dialectError } from '../../runtime/contracts/dialects.ts';
import { AppError } from '../../runtime/contracts/errors.ts';
import { defineNode, partOf } from '../lib/define-node.ts';
import { askOf } from './ask.ts';
import * as shape from './config.ts';
import { DIALECTS } from './dialects.ts';
import { sharedMemory } from './memory.ts';
import { asRefusal, type Reply, toolsFor } from './operation.ts';

/** Answers one operation of another system's API: what came in by `http in` leaves as what `http response` sends. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'dialect',
    shape,
    setup({ config, host, status, log }) {
      const api = partOf(host, 'api');
      const dialect = DIALECTS[config.dialect];
      const operation = dialect?.operations[config.operation];
      if (!dialect || !operation) {
        const words = `there is no operation ${config.operation} of ${config.dialect}`;
        throw new AppError('node.config_invalid', words, { field: 'operation' });
      }
      const { memory, release } = sharedMemory(config.dialect);
      return {
        async onInput(msg, send) {
          const ask = askOf(msg, api.basePath);
          try {
            const reply = await operation(ask, toolsFor(host, api, ask, msg.req, memory));
            status.counted();
            const { status: statusCode, body = '', headers = {}, onward } = reply;
            if (onward !== undefined) send([null, { ...msg, payload: onward }]);
            else send([{ ...msg, payload: body, statusCode, headers: below(headers, api.basePath) }, null]);
          } catch (thrown) {
            const refusal = asRefusal(thrown);
            if (refusal.code === 'internal.error') log.error('a request was not answered', { error: thrown });
            if (refusal.status >= 500) status.failed(refusal.message);
            const payload = dialectError(dialect.shape, refusal);
            send([{ ...msg, payload, statusCode: refusal.status, headers: {} }, null]);
          }
        },
        onClose: release,
      };
    },
  });

/** Where a client is sent on lies below the path of PUBLIC_URL, as everything else of ours. */
function below(headers: NonNullable<Reply['headers']>, basePath: string): NonNullable<Reply['headers']> {
  const { Location: to } = headers;
  return typeof to === 'string' && to.startsWith('/') ? { ...headers, Location: basePath + to } : headers;
}
