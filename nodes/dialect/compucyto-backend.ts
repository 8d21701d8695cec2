import { SERVER_DEVICE } from '../../runtime/contracts/ids.ts';
import { captureAnswer, type ImageRow, type SettingsRow, settingsAnswer } from './image.ts';
import { leftOut, numberIn, type Operation, Refusal, refusalOf, type Tools } from './operation.ts';

/** Codes that mean to the asker: no camera service there. Its words are those of seed 002 (S2.14), the code says more. */
const GONE = new Set([
  'camera.unreachable',
  'device.offline',
  'command.timeout',
  'command.expired',
  'camera.driver_missing',
]);

/** What a health check tells of rather than ends by. */
const TOLD = new Set(['camera.not_found', 'db.unavailable']);

/** Has the words of S2.14 said for what makes a camera unreachable; everything else keeps its own. */
async function reaching<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof Refusal ? inSeedWords(error) : error;
  }
}

function inSeedWords(refusal: Refusal): Refusal {
  return GONE.has(refusal.code) ? new Refusal(503, refusal.code, 'Camera service unavailable') : refusal;
}

function wishes(body: Readonly<Record<string, unknown>>) {
  const exposure = numberIn(body.exposure, 'exposure', { min: 0, status: 400 });
  const gain = numberIn(body.gain, 'gain', { min: 0, status: 400 });
  return { ...(exposure !== undefined && { exposure }), ...(gain !== undefined && { gain }) };
}

const capture: Operation = async ({ body }, tools) => {
  const wished = wishes(body);
  const path = `/cameras/${await tools.cameraId()}/capture`;
  const answer = await tools.raw({ method: 'POST', path, body: wished });
  const {
    code,
    image: unsaved,
    message,
  } = (answer.body ?? {}) as { code?: string; image?: ImageRow; message?: string };
  // The picture counts, not its row (S2.40).
  if (code === 'image.unsaved' && unsaved)
    return { status: 201, body: { ...captureAnswer(unsaved), imageId: null, databaseSaved: false, warning: message } };
  if (answer.status >= 400) throw inSeedWords(refusalOf(answer));
  const image = answer.body as ImageRow;
  return { status: 201, body: { ...captureAnswer(image), imageId: image.id, databaseSaved: true, warning: null } };
};

const settings: Operation = async ({ method, body }, tools) => {
  const change = method === 'PUT' ? wishes(body) : undefined;
  const path = `/cameras/${await tools.cameraId()}/settings`;
  const answer = change ? tools.api('PUT', path, change) : tools.api('GET', path);
  return { status: 200, body: settingsAnswer((await reaching(answer)) as SettingsRow) };
};

const preview: Operation = async ({ origin }, tools) => {
  const { id } = await tools.camera();
  const { token } = (await tools.api('POST', `/cameras/${id}/stream-token`)) as { token: string };
  return { status: 200, body: { streamUrl: `${origin}/api/v1/cameras/${id}/mjpeg?token=${token}` } };
};

/** Asked afresh, as the backend of seed 002 asks its camera service (S2.10); always 200. */
const health: Operation = async (_ask, { all, raw, cameraId, host }) => {
  const id = await cameraId().catch((error: unknown) => {
    if (error instanceof Refusal && TOLD.has(error.code)) return undefined;
    throw error;
  });
  const [known, devices] = await Promise.all([
    id === undefined ? undefined : raw({ method: 'GET', path: `/cameras/${id}/settings?fresh=true` }),
    all<{ id: string; state: string }>('/devices').catch((error: unknown) => {
      if (error instanceof Refusal) return error;
      throw error;
    }),
  ]);
  if (known && [401, 403].includes(known.status)) throw refusalOf(known);
  const isWell = known?.status === 200 && (known.body as SettingsRow).connected === true;
  const items = devices instanceof Refusal ? [] : devices;
  return {
    status: 200,
    body: {
      status: isWell ? 'ok' : 'error',
      service: 'camera',
      timestamp: new Date(host.clock.now()).toISOString(),
      checks: {
        database: !(devices instanceof Refusal && devices.status === 503),
        pythonCamera: isWell,
        raspberryPi: items.some(({ id: device, state }) => device !== SERVER_DEVICE && state !== 'offline'),
      },
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
