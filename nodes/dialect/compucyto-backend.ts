import { captureAnswer, type ImageRow, type SettingsRow, settingsAnswer } from './image.ts';
import { leftOut, numberIn, type Operation, Refusal, type Tools } from './operation.ts';

/** Codes that mean to the asker: no camera service there. Its words are those of seed 002 (S2.14), the code says more. */
const GONE = new Set([
  'camera.unreachable',
  'device.offline',
  'command.timeout',
  'command.expired',
  'camera.driver_missing',
]);

/** Has the words of S2.14 said for what makes a camera unreachable; everything else keeps its own. */
async function reaching<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Refusal && GONE.has(error.code)) {
      throw new Refusal(503, error.code, 'Camera service unavailable');
    }
    throw error;
  }
}

function wishes(body: Readonly<Record<string, unknown>>) {
  const exposure = numberIn(body.exposure, 'exposure', { min: 0, status: 400 });
  const gain = numberIn(body.gain, 'gain', { min: 0, status: 400 });
  return { ...(exposure !== undefined && { exposure }), ...(gain !== undefined && { gain }) };
}

const capture: Operation = async ({ body }, tools) => {
  const wished = wishes(body);
  const { id } = await tools.camera();
  const image = (await reaching(tools.api('POST', `/cameras/${id}/capture`, wished))) as ImageRow;
  const saved = { imageId: image.id, databaseSaved: true, warning: null };
  return { status: 201, body: { ...captureAnswer(image), ...saved } };
};

const settings: Operation = async ({ method, body }, tools) => {
  const change = method === 'PUT' ? wishes(body) : undefined;
  const { id } = await tools.camera();
  const path = `/cameras/${id}/settings`;
  const answer = change ? tools.api('PUT', path, change) : tools.api('GET', path);
  return { status: 200, body: settingsAnswer((await reaching(answer)) as SettingsRow) };
};

const preview: Operation = async ({ origin }, tools) => {
  const { id } = await tools.camera();
  const { token } = (await tools.api('POST', `/cameras/${id}/stream-token`)) as { token: string };
  return { status: 200, body: { streamUrl: `${origin}/api/v1/cameras/${id}/mjpeg?token=${token}` } };
};

const health: Operation = async (_ask, tools) => {
  const camera = await tools.camera().catch((error: unknown) => {
    if (error instanceof Refusal && error.code === 'camera.not_found') return undefined;
    throw error;
  });
  const isWell = camera !== undefined && camera.state !== 'failed' && camera.state !== 'offline';
  return {
    status: 200,
    body: {
      status: isWell ? 'ok' : 'error',
      service: 'camera',
      timestamp: new Date(tools.host.clock.now()).toISOString(),
      checks: { database: true, pythonCamera: isWell, raspberryPi: isWell },
    },
  };
};

interface UserRow {
  id: number;
  name: string;
  email: string | null;
  role: string;
}

function userAnswer({ id, name, email, role }: UserRow) {
  return { id, email: email ?? name, username: name, role, fullName: null, labRole: null, preferences: {} };
}

const profile: Operation = async (_ask, { api }) => ({
  status: 200,
  body: userAnswer((await api('GET', '/auth/me')) as UserRow),
});

/** Anybody could register themselves at seed 002's backend; here it takes an administrator. */
const register: Operation = async ({ body }, { api }) => {
  const { email, username, password } = body;
  for (const [name, value, least, most] of [
    ['email', email, 3, 254],
    ['username', username, 3, 50],
    ['password', password, 6, 100],
  ] as const) {
    if (typeof value !== 'string' || value.length < least || value.length > most) {
      throw new Refusal(400, 'request.invalid', `${name} must be a text of ${least} to ${most} characters`);
    }
  }
  const user = (await api('POST', '/users', {
    name: username,
    email,
    password,
    role: 'operator',
    must_change_password: false,
    // Its page cannot refresh tokens.
    long_token: true,
  })) as UserRow;
  return {
    status: 201,
    body: { access_token: await tokenOf(api, String(username), String(password)), user: userAnswer(user) },
  };
};

async function tokenOf(api: Tools['api'], email: string, password: string): Promise<string> {
  const { access_token } = (await api('POST', '/auth/login', { email, password })) as { access_token: string };
  return access_token;
}

/** The backend of seed 002 (S2.3–S2.14, S2.36, S2.37). Its images, login and pages of images are the product API's own. */
export const compucytoBackend: Record<string, Operation> = {
  capture,
  settings,
  preview,
  health,
  profile,
  register,
  video: leftOut('video recording'),
};
