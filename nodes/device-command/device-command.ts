import type { NodeAPI } from 'node-red';
import type { CommandRecord } from '../../runtime/contracts/commands.ts';
import { AppError, ERROR_CODES, type ErrorCode } from '../../runtime/contracts/errors.ts';
import { defineNode, partOf } from '../lib/define-node.ts';
import { inputs } from '../lib/inputs.ts';
import * as shape from './config.ts';

/** Tells a device to do something, and waits for what becomes of it. */
export default (RED: NodeAPI) =>
  defineNode(RED, {
    type: 'device-command',
    shape,
    setup({ config, host, status, signal }) {
      const commands = partOf(host, 'commands');
      const read = inputs(shape.schema);
      return {
        async onInput(msg, send) {
          const { device, command: name, ttl_s } = read(msg, config);
          if (device === '') throw new AppError('message.invalid', 'msg.device is missing', { field: 'msg.device' });
          const { payload } = msg;
          const isArgs = typeof payload === 'object' && payload !== null && !Array.isArray(payload);
          const args = isArgs && !Buffer.isBuffer(payload) ? { ...payload } : {};
          status.working(`${name} · ${device}`);
          const command = await commands.run(
            { device, name, args, ttlMs: ttl_s * 1000 },
            {
              signal,
              onUpdate({ state, progress }) {
                if (state === 'queued') status.waiting(`${name} waits for ${device}`);
                if (progress !== undefined) send([null, { ...msg, payload: progress, device, command: name }]);
              },
            },
          );
          if (command.state !== 'done') throw failed(command);
          status.ok(`${name} · ${device}`);
          send([{ ...msg, payload: command.data, device, command: name, details: command }, null]);
        },
      };
    },
  });

function failed({ code, device, error, name }: CommandRecord): AppError {
  const known = code !== null && Object.hasOwn(ERROR_CODES, code);
  const why = error ?? code ?? 'it did not say why';
  return new AppError(known ? (code as ErrorCode) : 'command.refused', `${name} at ${device}: ${why}`, {
    device,
    code,
  });
}
