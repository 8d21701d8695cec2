import { isDeepStrictEqual } from 'node:util';
import type { Tap } from '../../support/tap.ts';
import { type Claim, claim, timesOf } from './claims.ts';
import type { EdgeDevice, Flows, TabFiles } from './edge-device.ts';

/** Long enough that a busy machine has eaten its memory before it is over. */
const PROBATION_S = 5;
const LIMIT_MS = 60_000;

/** Runs its code when the flows start. A function has no `process`; by way of a function of its host it gets at it all the same. */
const script = (initialize: string): Flows => [
  { id: 'badtab', type: 'tab', label: 'Bad' },
  {
    id: 'bad',
    type: 'function',
    z: 'badtab',
    name: 'bad',
    func: 'return msg;',
    initialize,
    outputs: 1,
    x: 300,
    y: 100,
    wires: [[]],
  },
];
const PROCESS = "node.status.constructor('return process')()";

/** How a kind of bad flows ends: refused by the server, or undone by the device, with these words. */
interface Kind {
  name: string;
  end: 'refused' | 'rejected' | 'rolled_back';
  reason: RegExp;
  files: (capture: Flows) => TabFiles;
}

const beside = (flows: Flows) => (capture: Flows) => ({
  'capture.json': JSON.stringify(capture),
  'bad.json': JSON.stringify(flows),
});
const KINDS: readonly Kind[] = [
  {
    name: 'broken JSON in the tab',
    end: 'refused',
    reason: /bad\.json/,
    files: (capture) => ({ 'capture.json': JSON.stringify(capture), 'bad.json': '[{"id": "badtab", "type": ' }),
  },
  // The bytes are broken between server and device.
  { name: 'broken JSON on the way', end: 'rejected', reason: /./, files: beside(script('')) },
  {
    name: 'unknown type',
    end: 'refused',
    reason: /no-such-node/,
    files: beside([
      { id: 'badtab', type: 'tab', label: 'Bad' },
      { id: 'bad', type: 'no-such-node', z: 'badtab', x: 300, y: 100, wires: [] },
    ]),
  },
  {
    name: 'throw at start',
    end: 'rolled_back',
    reason: /not today/,
    files: beside(script('throw new Error("not today")')),
  },
  {
    name: 'endless loop',
    end: 'rolled_back',
    reason: /did not answer|did not run/,
    files: beside(script('setTimeout(() => { for (;;) {} }, 300)')),
  },
  {
    name: 'out of memory',
    end: 'rolled_back',
    reason: /ended|takes \d+ MB|did not answer/,
    files: beside(
      script('const all = []; setInterval(() => { for (let n = 0; n < 2e6; n++) all.push({ n: [n] }); }, 5)'),
    ),
  },
  {
    name: 'process.exit',
    end: 'rolled_back',
    reason: /exit code 0/,
    files: beside(script(`setTimeout(() => ${PROCESS}.exit(0), 300)`)),
  },
  {
    name: 'silent camera',
    end: 'rolled_back',
    reason: /no frame came/,
    files: (capture) => ({
      // Nobody asks the camera for a picture any more.
      'capture.json': JSON.stringify(capture.filter(({ type }) => type !== 'camera-capture')),
    }),
  },
];

/** The seven kinds of the claim; JSON is broken in two places, in turns. */
export const BAD_KINDS = 7;

/**
 * So many bad deployments, shared out among the devices, each kind in turn. After each the good flows have to run again, whole, by themselves.
 * Each has its tap between itself and the server.
 */
export async function badDeployments(
  devices: readonly { device: EdgeDevice; tap: Tap }[],
  options: { count: number; capture: Flows; say: (line: string) => void; isOver: () => boolean },
): Promise<Claim[]> {
  const { count, capture, say, isOver } = options;
  const backMs: number[] = [];
  const late: string[] = [];
  const wrong: string[] = [];
  const mixed: string[] = [];
  const seen = new Map<string, number>();
  let next = 0;
  const lane = async ({ device, tap }: { device: EdgeDevice; tap: Tap }) => {
    const good = { 'capture.json': JSON.stringify(capture), 'good.json': JSON.stringify(goodTab(device.id)) };
    const { id } = await device.deploy(good, 1);
    const first = await device.ended(id);
    if (first.state !== 'active') throw new Error(`the good flows ended ${first.state}: ${first.reason}`);
    const known = await device.running();
    const round = async (n: number, kind: Kind) => {
      // Pictures have to come before, so that their absence is seen after.
      await device.framesGoOn();
      const began = performance.now();
      const end = await attempt(device, kind, { capture, tap });
      if (end.state !== kind.end || !kind.reason.test(end.reason))
        wrong.push(`${kind.name}: ${end.state}, ${end.reason}`);
      await device.framesGoOn();
      const took = performance.now() - began;
      backMs.push(took);
      if (took > LIMIT_MS) late.push(`${kind.name}: ${Math.round(took / 1000)} s`);
      const now = await device.running();
      if (now.revision !== known.revision || !isDeepStrictEqual(now.flows, known.flows))
        mixed.push(`${kind.name}: ${now.slot} ${now.revision}`);
      seen.set(kind.name, (seen.get(kind.name) ?? 0) + 1);
      say(`bad ${n + 1} (${kind.name}) on ${device.id}: ${end.state}, good again after ${Math.round(took)} ms`);
    };
    while (next < count && !isOver()) {
      const n = next;
      next += 1;
      const kind = kindOf(n);
      try {
        await round(n, kind);
      } catch (error) {
        // Told, and gone on with: one lane that stops would hide what the others find.
        const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
        wrong.push(`${kind.name}: ${why}`);
        say(`bad ${n + 1} (${kind.name}) on ${device.id}: ${why}`);
        await device.ended((await device.deploy(good, 1)).id);
      }
    }
  };
  await Promise.all(
    devices.map((one) =>
      lane(one).catch((error: unknown) => void wrong.push(`${one.device.id}: ${String(error).split('\n')[0]}`)),
    ),
  );
  const kinds = [...seen].map(([name, times]) => `${times} ${name}`).join(', ');
  const cut = backMs.length < count ? [`only ${backMs.length} of ${count} were run`] : [];
  return [
    claim(`${count} bad deployments of ${BAD_KINDS} kinds end as they should`, `${backMs.length}: ${kinds}`, [
      ...cut,
      ...wrong,
    ]),
    claim('the last good flow runs again within 60 s of the request', timesOf(backMs), [...cut, ...late]),
    claim('what runs then is the good flow, whole', `${backMs.length - mixed.length} of ${backMs.length}`, [
      ...cut,
      ...mixed,
    ]),
  ];
}

function kindOf(n: number): Kind {
  // Seven in turn; the first of them alternates between its two places.
  const [inFile, onTheWay, ...others] = KINDS;
  const at = n % BAD_KINDS;
  const kind = at === 0 ? (Math.floor(n / BAD_KINDS) % 2 === 0 ? inFile : onTheWay) : others[at - 1];
  if (!kind) throw new Error('there is no such kind');
  return kind;
}

async function attempt(
  device: EdgeDevice,
  kind: Kind,
  { capture, tap }: { capture: Flows; tap: Tap },
): Promise<{ state: string; reason: string }> {
  if (kind.end === 'rejected')
    tap.disturb('/api/v1/device/bundles/', { status: 200, body: `{"v":1,"manifest":${'['.repeat(64 * 1024)}` });
  try {
    const { id } = await device.deploy(kind.files(capture), PROBATION_S);
    return await device.ended(id);
  } catch (error) {
    if (kind.end !== 'refused') throw error;
    return { state: 'refused', reason: error instanceof Error ? error.message : String(error) };
  }
}

/** What stands beside the capture: that it is there whole is seen afterwards. */
function goodTab(device: string): Flows {
  return [
    { id: 'goodtab', type: 'tab', label: `Good for ${device}` },
    {
      id: 'good1',
      type: 'inject',
      z: 'goodtab',
      repeat: '5',
      props: [{ p: 'payload' }],
      x: 100,
      y: 100,
      wires: [['good2']],
    },
    { id: 'good2', type: 'function', z: 'goodtab', func: 'return msg;', outputs: 1, x: 300, y: 100, wires: [[]] },
  ];
}
