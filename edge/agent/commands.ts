/** Who asks, as the last level of the answer's topic. */
const REQUESTER = /^[A-Za-z0-9_-]{1,64}$/;

export interface CommandAnswer {
  to: string;
  body: { id: string; status: 'error'; code: string; error: string };
}

/** The answer to a command; undefined when nobody could be answered. None is known yet. */
export function answerTo(name: string, command: Record<string, unknown>): CommandAnswer | undefined {
  const { id, reply_to: to } = command;
  if (typeof id !== 'string' || id.length > 100 || typeof to !== 'string' || !REQUESTER.test(to)) return undefined;
  const error = `this device knows no command ${JSON.stringify(name.slice(0, 64))}`;
  return { to, body: { id, status: 'error', code: 'command.unknown', error } };
}
