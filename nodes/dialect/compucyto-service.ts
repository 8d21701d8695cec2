import { captureAnswer, type ImageRow, type SettingsRow, settingsAnswer } from './image.ts';
import { leftOut, numberIn, type Operation, Refusal } from './operation.ts';

interface KeptRow {
  id: string;
  filename: string;
  size: number;
  keptAt: number;
}

/** Words of S2.15. */
const NOT_CONNECTED = 'Camera not connected';

/** What makes a camera give nothing is, to clients of this service, one thing (S2.15). */
async function connected<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const isAway = ['camera.unreachable', 'camera.not_found', 'camera.driver_missing'].includes(error.code);
    if (isAway || error.message === NOT_CONNECTED) {
      throw new Refusal(503, error.code, NOT_CONNECTED);
    }
    if (error.status === 400) throw new Refusal(422, error.code, error.message);
    if (error.code === 'camera.no_picture' || error.code === 'camera.bad_answer') {
      throw new Refusal(500, error.code, `Capture failed: ${error.message.replace(/^Capture failed: /, '')}`);
    }
    throw error;
  }
}

function wishes({ exposure, gain }: Readonly<Record<string, unknown>>) {
  const [ms, factor] = [numberIn(exposure, 'exposure', { min: 0 }), numberIn(gain, 'gain', { min: 0 })];
  return { ...(ms !== undefined && { exposure: ms }), ...(factor !== undefined && { gain: factor }) };
}

const capture: Operation = async ({ body }, tools) => {
  const wished = wishes(body);
  const { id } = await connected(tools.camera());
  const image = (await connected(tools.api('POST', `/cameras/${id}/capture`, wished))) as ImageRow;
  return { status: 200, body: captureAnswer(image) };
};

const settings: Operation = async ({ method, body }, tools) => {
  const change = method === 'PUT' ? wishes(body) : undefined;
  const { id } = await connected(tools.camera());
  const path = `/cameras/${id}/settings`;
  const answer = change ? tools.api('PUT', path, change) : tools.api('GET', path);
  return { status: 200, body: settingsAnswer((await connected(answer)) as SettingsRow) };
};

const list: Operation = async (_ask, { api }) => {
  const { items } = (await api('GET', '/images')) as { items: KeptRow[] };
  const files = items.map(({ filename, size, keptAt }) => ({
    filename,
    size,
    modified: new Date(keptAt).toISOString(),
  }));
  return { status: 200, body: { files, count: files.length, path: './captures' } };
};

const file: Operation = async ({ params }, { api }) => {
  const jpeg = (await api('GET', `/images/${encodeURIComponent(params.file ?? '')}`)) as Buffer;
  return { status: 200, body: jpeg, headers: { 'Content-Type': 'image/jpeg' } };
};

const noVideos: Operation = () => ({ status: 200, body: { files: [], count: 0, path: './videos' } });

/** The camera service of seed 002 (§2.3), on a device. Its `/health` is the device's own. */
export const compucytoService: Record<string, Operation> = {
  capture,
  settings,
  list,
  file,
  videos: noVideos,
  'auto-exposure': leftOut('auto exposure on request'),
  video: leftOut('video recording'),
};
