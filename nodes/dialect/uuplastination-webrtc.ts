import { type Operation, Refusal, refusalOf, type Tools } from './operation.ts';

/** What seed 001 calls its room and its ingress (S1.20, S1.21). */
const ROOM = 'plastination';
const INGRESS = 'pi-cam';

interface LivekitStatus {
  configured: boolean;
  url: string | null;
  reason: string | null;
}

interface Diagnosis {
  checks: { name: string; ok: boolean | null; code: string; message: string; advice: string | null }[];
}

interface Token {
  token: string;
  identity: string;
}

/** ICE servers with credentials of their own (seed 001 gave none, and its TURN never worked). */
async function iceServers(tools: Tools): Promise<{ urls: string[]; username?: string; credential?: string }[]> {
  const camera = await tools.camera().catch((error: unknown) => {
    if (error instanceof Refusal && error.code === 'camera.not_found') return undefined;
    throw error;
  });
  if (!camera) return [];
  const { id } = camera;
  const { iceServers = [] } = (await tools.api('GET', `/cameras/${id}/live`)) as {
    iceServers?: { url: string; username?: string; credential?: string }[];
  };
  return iceServers.map(({ url, ...credentials }) => ({ urls: [url], ...credentials }));
}

const config: Operation = async (_ask, tools) => {
  const { configured, url, reason } = (await tools.api('GET', '/livekit')) as LivekitStatus;
  const notes = reason === null ? [] : [`${reason}; use WHEP (/{camera}/whep), HLS or MJPEG`];
  return { status: 200, body: { host: url ?? '', iceServers: await iceServers(tools), disabled: !configured, notes } };
};

/** Viewers get what they may watch with; to publish a device shows its key. */
const token: Operation = async ({ query, deviceKey }, { raw }) => {
  const { room = ROOM, identity, role = 'viewer' } = query;
  if (role !== 'viewer' && role !== 'publisher')
    throw new Refusal(422, 'request.invalid', 'role must be viewer or publisher');
  if (role === 'publisher' && deviceKey === undefined)
    throw new Refusal(403, 'auth.forbidden', 'only a device publishes: its key goes into the header X-DEVICE-KEY');
  const answer =
    role === 'publisher'
      ? await raw({
          method: 'GET',
          path: `/device/livekit-token?room=${encodeURIComponent(room)}`,
          headers: { 'x-device-key': deviceKey ?? '' },
        })
      : await raw({ method: 'POST', path: '/livekit/token', body: { room, ...(identity && { identity }) } });
  if (answer.status >= 400) throw refusalOf(answer);
  const made = answer.body as Token;
  return { status: 200, body: { token: made.token, identity: made.identity } };
};

/** Made once for room and name; the key is for administrators. */
const createIngress: Operation = async ({ query }, { api }) => {
  const { room = ROOM, name = INGRESS } = query;
  const made = (await api('POST', '/livekit/ingress', { room, name, via: 'rtmp' })) as {
    url: string;
    stream_key: string;
    ingress_id: string;
  };
  return {
    status: 200,
    body: { rtmp_url: made.url, stream_key: made.stream_key, room, ingress_id: made.ingress_id },
  };
};

const health: Operation = async ({ path }, tools) => {
  const { configured, url, reason } = (await tools.api('GET', '/livekit')) as LivekitStatus;
  const { checks } = (await tools.api('GET', '/livekit/diagnostics')) as Diagnosis;
  const ok = (name: string) => checks.find((check) => check.name === name)?.ok ?? null;
  const host = ok('host');
  const body = {
    livekit_host_env: url,
    effective_host: url ?? '',
    api_credentials_configured: configured,
    ice_servers_count: (await iceServers(tools)).length,
    disabled: !configured,
    reachability: host === null ? null : host ? 'ok' : 'unreachable',
    recommendations: [
      ...(reason === null ? [] : [reason]),
      ...checks.flatMap(({ ok, message, advice }) =>
        ok === false ? [advice ? `${message}. ${advice}` : message] : [],
      ),
    ],
  };
  if (!path.endsWith('/diagnostics')) return { status: 200, body };
  // A piece of a token tells nobody anything, and is not given out.
  return { status: 200, body: { ...body, token_issuance: ok('key') === true, sample_token_prefix: null, checks } };
};

/** Rooms, tokens and ingresses of seed 001's dashboard (§2.2). */
export const webrtcOperations: Record<string, Operation> = {
  'webrtc-config': config,
  'webrtc-health': health,
  livekit: (ask, tools) => (/\/ingress\/create\/?$/.test(ask.path) ? createIngress(ask, tools) : token(ask, tools)),
};
