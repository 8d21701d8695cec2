import { type AppError, toAppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { IceServer } from '../../contracts/live.ts';
import type { LivekitCheck, LivekitDiagnosis } from '../../contracts/rooms.ts';
import type { TurnVerdict } from '../../media/turn/probe.ts';
import type { LivekitServer } from './server.ts';

export interface DiagnosisParts {
  server: LivekitServer;
  clock: Clock;
  /** with fresh credentials */
  iceServers: () => readonly IceServer[];
  probe: (server: IceServer, clock: Clock) => Promise<TurnVerdict>;
}

/** Looks at what has to be well, each thing once the one before is; what could not be looked at says so. TURN is looked at in any case. */
export async function diagnose({ server, clock, iceServers, probe }: DiagnosisParts): Promise<LivekitDiagnosis> {
  const [livekit, turn] = await Promise.all([checkLivekit(server), checkTurn(iceServers(), probe, clock)]);
  const checks = [...livekit, ...turn];
  return { ok: checks.every(({ ok }) => ok !== false), checked_at: new Date(clock.now()).toISOString(), checks };
}

async function checkLivekit(server: LivekitServer): Promise<LivekitCheck[]> {
  const { missing } = server;
  if (missing !== undefined) {
    const advice = 'Set them as LiveKit has them, or leave all three out: viewers then use WHEP, HLS and MJPEG.';
    return [bad('settings', 'settings_missing', missing, advice), unseen('host'), unseen('key'), unseen('ingress')];
  }
  const settings = good('settings', 'LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET are set');
  try {
    await server.knowsKey();
  } catch (thrown) {
    const error = toAppError(thrown);
    if (error.code !== 'livekit.key_refused') return [settings, hostTrouble(error), unseen('key'), unseen('ingress')];
    const advice = 'Compare LIVEKIT_API_KEY and LIVEKIT_API_SECRET with keys: of livekit.yaml (or LIVEKIT_KEYS).';
    return [settings, good('host', 'it answers'), bad('key', 'key_refused', error.message, advice), unseen('ingress')];
  }
  const well = [settings, good('host', 'it answers'), good('key', 'it takes our key')];
  try {
    await server.ingresses({ roomName: 'redeye-diagnosis' });
    return [...well, good('ingress', 'it keeps ingresses')];
  } catch (thrown) {
    const error = toAppError(thrown);
    const isRedis = error.code === 'livekit.no_redis';
    const advice = isRedis
      ? 'Give livekit.yaml and ingress.yaml the same redis: address, and restart both.'
      : 'The log of LiveKit says more.';
    return [...well, bad('ingress', isRedis ? 'no_redis' : 'ingress_failed', error.message, advice)];
  }
}

function hostTrouble(error: AppError): LivekitCheck {
  if (error.details.problem === 'unreachable')
    return bad(
      'host',
      'unreachable',
      error.message,
      'Is LiveKit running, does LIVEKIT_URL have its name and port (7880), and does no firewall stand between?',
    );
  return bad(
    'host',
    'not_livekit',
    error.message,
    'Does LIVEKIT_URL lead to LiveKit itself, and not to a page or a path beside it?',
  );
}

async function checkTurn(
  servers: readonly IceServer[],
  probe: DiagnosisParts['probe'],
  clock: Clock,
): Promise<LivekitCheck[]> {
  const turns = servers.filter(({ url }) => url.startsWith('turn'));
  if (turns.length === 0)
    return [
      {
        name: 'turn',
        ok: null,
        code: 'turn_none',
        message: 'no TURN server is set',
        advice: 'Viewers behind strict firewalls need one: TURN_URLS and TURN_STATIC_SECRET.',
      },
    ];
  return Promise.all(
    turns.map(async (server) => {
      const { state, reason } = await probe(server, clock);
      if (state === 'open') return good('turn', reason);
      const advice = {
        closed: 'Is coturn running, is its port open in the firewall (5349 for turns:), and does its name lead there?',
        refused: 'TURN_STATIC_SECRET must be the static-auth-secret of turnserver.conf, and both clocks must be right.',
        failed: 'The log of the TURN server says more.',
      }[state];
      return bad('turn', `turn_${state}`, reason, advice);
    }),
  );
}

function good(name: LivekitCheck['name'], message: string): LivekitCheck {
  return { name, ok: true, code: 'ok', message, advice: null };
}

function bad(name: LivekitCheck['name'], code: string, message: string, advice: string): LivekitCheck {
  return { name, ok: false, code, message, advice };
}

function unseen(name: LivekitCheck['name']): LivekitCheck {
  return { name, ok: null, code: 'not_looked_at', message: 'what comes before it is not well', advice: null };
}
