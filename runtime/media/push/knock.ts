import { connect } from 'node:net';

const ANSWER_MS = 1000;

/** Whether somebody listens at that address now; a connection is opened and closed again, nothing is said. */
export function knock(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: host.replace(/^\[(.*)\]$/, '$1'), port });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(ANSWER_MS, () => settle(false));
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
    signal.addEventListener('abort', () => settle(false), { once: true });
  });
}
