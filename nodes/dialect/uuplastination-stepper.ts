import { type Ask, type Operation, Refusal } from './operation.ts';

/** What a client asks of the motor, by the end of the path (§2.2). */
const COMMANDS: Record<string, string> = {
  '/stepper/status': 'status',
  '/stepper/enable': 'enable',
  '/stepper/disable': 'disable',
  '/stepper/abort': 'abort',
  '/stepper/step': 'step',
  '/stepper/open': 'open',
  '/stepper/close': 'close',
  '/stepper/valve/open': 'valve-open',
  '/stepper/valve/close': 'valve-close',
  '/stepper/valve/position': 'valve-position',
  '/valve/open': 'valve-open',
  '/valve/close': 'valve-close',
};

const shortPath = (path: string) => path.replace(/^.*\/api(?=\/)/, '').replace(/\/$/, '');

/** Only what is a number becomes one; the rest is refused by the motor in words. */
function numberOf(text: string | undefined): unknown {
  return text !== undefined && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/** Turns the request into a command for the node `stepper`. Whoever may only look may not move anything. */
const ask: Operation = async ({ method, path, query }, { api }) => {
  const command = COMMANDS[shortPath(path)];
  if (!command) throw new Refusal(404, 'route.not_found', 'Not Found');
  const { role } = (await api('GET', '/auth/me')) as { role: string };
  if (method !== 'GET' && role === 'viewer') throw new Refusal(403, 'auth.forbidden', 'this needs the role operator');
  const { steps, rpm, direction } = query;
  const wanted = { command, steps: numberOf(steps), rpm: numberOf(rpm), direction };
  return { status: 200, onward: Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined)) };
};

interface Done {
  command: string;
  steps: number;
  rpm: number;
  valve_percent: number;
  [name: string]: unknown;
}

/** What the motor did, as the dashboard of seed 001 reads it. */
const answer: Operation = ({ payload, path }: Ask) => {
  const { command, steps, rpm, valve_percent, ...status } = payload as Done;
  // The later valve wrote a sign to a serial line and answered so, as JSON.
  if (/^\/valve\//.test(shortPath(path)))
    return { status: 200, body: '"OK"', headers: { 'Content-Type': 'application/json' } };
  switch (command) {
    case 'status':
      return { status: 200, body: status };
    case 'enable':
    case 'disable':
    case 'abort':
      return { status: 200, body: { result: command === 'abort' ? 'aborted' : `${command}d` } };
    case 'step':
      return { status: 200, body: { result: 'moving', requested_steps: steps, rpm } };
    case 'open':
    case 'close':
      return { status: 200, body: { result: `moving-${command}`, steps } };
    case 'valve-position':
      return { status: 200, body: { position: valve_percent } };
    default:
      return { status: 200, body: { result: command === 'valve-open' ? 'opened' : 'closed', position: valve_percent } };
  }
};

const STATUS: Record<string, number> = { 'message.invalid': 422, 'stepper.too_fast': 429, 'stepper.failed': 503 };

/** Why the motor did not, from a `catch` node. */
const refused: Operation = ({ error }: Ask) => {
  const { code = 'internal.error', message = 'the motor did not answer' } = error;
  const [field] = /^(steps|rpm|direction)\b/.exec(message) ?? [];
  throw new Refusal(
    STATUS[code] ?? (code.startsWith('stepper.') ? 409 : 500),
    code,
    message,
    field === undefined ? ['query'] : ['query', field],
  );
};

const healthz: Operation = () => ({ status: 200, body: { status: 'ok' } });

export const stepperOperations: Record<string, Operation> = {
  'stepper-ask': ask,
  'stepper-answer': answer,
  'stepper-refused': refused,
  'stepper-healthz': healthz,
};
