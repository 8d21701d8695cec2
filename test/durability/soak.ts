/**
 * `npm run soak -- --kills 50 [--seed N] [--pglite] [--edge] [--only server,postgres,power]`: kills at random moments under load, and
 * prints the ledger. `--pushes N`: kills the ingest of a push N times, and tells what is left behind. `--fleet N`: N bad deployments, N kills in
 * the middle of one, ten times as many tampered bundles and clients that come back at once, and outages; `--only bad,kills` takes some of its parts,
 * `--away S` and `--server-away S` say how many seconds of real time broker and server are away, `--lanes L` how many devices are used at a time,
 * `--minutes M` begins nothing after so long. Exit code 1 where a promise was broken.
 */
import { parseArgs } from 'node:util';
import { runHooks } from './hooks.ts';
import type { Stroke } from './nemesis.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '50' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    pglite: { type: 'boolean', default: false },
    edge: { type: 'boolean', default: false },
    only: { type: 'string' },
    pushes: { type: 'string' },
    fleet: { type: 'string' },
    lanes: { type: 'string', default: '2' },
    away: { type: 'string', default: '60' },
    'server-away': { type: 'string' },
    minutes: { type: 'string', default: '600' },
  },
});
const kills = Number(values.kills);
const seed = Number(values.seed);
const cycles = Number(values.pushes ?? 1);
const fleet = Number(values.fleet ?? 1);
if (!(fleet > 0) || !Number.isInteger(fleet)) throw new Error('--fleet is a whole number');
if (!(cycles > 0) || !Number.isInteger(cycles)) throw new Error('--pushes is a whole number');
if (!(kills > 0) || !Number.isInteger(seed)) throw new Error('--kills and --seed are whole numbers');

// Loaded late: they register their endings with what hooks.ts provides.
const { durabilityRun } = await import('./run.ts');
const { edgeRun } = await import('./edge-run.ts');
const { edgeTable, serverTable } = await import('./tables.ts');
const { random } = await import('../support/scenes.ts');

let good = false;
const say = (text: string) => process.stderr.write(`${text}\n`);
try {
  if (values.pushes !== undefined) {
    const { leftBehind, pushSoak, pushTable } = await import('./push-soak.ts');
    const report = await pushSoak(cycles, (n, backMs) =>
      say(`kill ${n}: live ${Math.round(backMs)} ms after its return`),
    );
    process.stdout.write(pushTable(report));
    const left = leftBehind(report);
    for (const line of left) say(`left behind: ${line}`);
    good = left.length === 0;
  } else if (values.fleet !== undefined) {
    const { FLEET_PARTS, fleetSoak } = await import('./fleet-soak.ts');
    const { fleetTable } = await import('./fleet/claims.ts');
    const named = values.only?.split(',') ?? FLEET_PARTS;
    const parts = FLEET_PARTS.filter((part) => named.includes(part));
    if (parts.length < named.length) throw new Error(`--only takes ${FLEET_PARTS.join(', ')} with --fleet`);
    const until = performance.now() + Number(values.minutes) * 60_000;
    say(`the fleet, ${fleet} times, seed ${seed}: ${parts.join(', ')}`);
    const claims = await fleetSoak({
      count: fleet,
      seed,
      parts,
      lanes: Number(values.lanes),
      awayMs: { broker: Number(values.away) * 1000, server: Number(values['server-away'] ?? values.away) * 1000 },
      say: (line) => say(`${new Date().toISOString().slice(11, 19)} ${line}`),
      isOver: () => performance.now() > until,
    });
    process.stdout.write(fleetTable(claims));
    good = claims.every(({ isHeld }) => isHeld);
  } else if (values.edge) {
    say(`${kills} kills of the edge agent, seed ${seed}`);
    const report = await edgeRun({
      kills,
      seed,
      onKill: (n, seen) => say(`kill ${n}: ${seen} frames seen in the spool`),
    });
    process.stdout.write(edgeTable(report));
    good = report.broken.length === 0;
  } else {
    const strokes = choose();
    const database = values.pglite ? 'PGlite' : 'PostgreSQL';
    say(`${kills} kills on ${database}, seed ${seed}: ${[...new Set(strokes)].join(', ')}`);
    const report = await durabilityRun({
      seed,
      strokes,
      database,
      onStroke: (n, stroke, { ok, unknown }) => say(`kill ${n} (${stroke}): ${ok} ok, ${unknown} unknown`),
    });
    process.stdout.write(serverTable(strokes, report));
    const { broken } = await import('./checker.ts');
    good = broken(report.verdict) === 0;
  }
} finally {
  await runHooks();
}
process.exit(good ? 0 : 1);

/** Mostly the server; PostgreSQL and the power too, unless it is told what. An embedded database promises nothing for power cuts. */
function choose(): Stroke[] {
  const all: Stroke[] = values.pglite ? ['server'] : ['server', 'server', 'postgres', 'power'];
  const kinds = values.only === undefined ? all : values.only.split(',').map(strokeOf);
  const next = random(seed + 1);
  next();
  return Array.from({ length: kills }, () => kinds[Math.floor(next() * kinds.length)] ?? 'server');
}

function strokeOf(name: string): Stroke {
  if (name === 'server' || name === 'postgres' || name === 'power') return name;
  throw new Error(`--only takes server, postgres and power, not ${name}`);
}
