import { setTimeout as pause } from 'node:timers/promises';
import type { ServedConfig } from '../../runtime/contracts/device-config.ts';
import { strikeAtRandom, strikeCases, tampering } from '../edge/agent/rollout/tampering.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { ServerUnderTest } from '../support/servers.ts';
import { Tap } from '../support/tap.ts';
import { Wire } from '../support/wire.ts';
import { badDeployments } from './fleet/bad-deployments.ts';
import { type Claim, claim } from './fleet/claims.ts';
import { crowd } from './fleet/crowd.ts';
import { EdgeDevice, Tabs } from './fleet/edge-device.ts';
import { killsDuringDeployments } from './fleet/kills.ts';
import { outages } from './fleet/outages.ts';

export const FLEET_PARTS = ['tampered', 'crowd', 'outages', 'bad', 'kills'] as const;
export type FleetPart = (typeof FLEET_PARTS)[number];

export interface FleetSoakOptions {
  /** bad deployments, and kills; ten times as many tampered bundles and clients */
  count: number;
  seed: number;
  parts: readonly FleetPart[];
  /** devices of each kind at a time */
  lanes: number;
  /** how long they are away, ms of real time */
  awayMs: { broker: number; server: number };
  say: (line: string) => void;
  /** asked before each round: what was not begun by then counts as not run */
  isOver: () => boolean;
}

/** The promises of deployments with real processes: a server on PostgreSQL and devices, broken in every way that the parts name. */
export async function fleetSoak(options: FleetSoakOptions): Promise<Claim[]> {
  const { count, seed, parts, lanes, awayMs, say, isOver } = options;
  const claims: Claim[] = [];
  const add = (more: readonly Claim[]) => {
    claims.push(...more);
    for (const { what, measured, isHeld, broken = [] } of more)
      say(`${isHeld ? 'held' : 'BROKEN'}: ${what}: ${[measured, ...broken].join('; ')}`);
  };
  if (parts.includes('tampered')) add([tamperedClaim(count * 10, seed)]);
  if (parts.every((part) => part === 'tampered')) return claims;
  const postgres = await startPostgres();
  const server = await ServerUnderTest.start({
    DATABASE_URL: postgres.url(),
    LOG_LEVEL: 'warn',
    // The disk of whoever runs this is not the matter here.
    RETENTION_MIN_FREE_GB: '0',
    PUBLIC_URL: `http://${Wire.host}`,
  });
  const giveBack: (() => Promise<unknown>)[] = [];
  try {
    const { port, site } = await brokerOf(server);
    const mqtt = await Wire.lay([port]);
    giveBack.push(() => mqtt.close());
    if (parts.includes('crowd'))
      add(await crowd(server, { count: count * 10, rounds: 6, seed, mqttPort: port, site, say }));
    const tabs = new Tabs(server);
    const capture = await tabs.capture();
    const started = async (name: string) => {
      const tap = await Tap.start(server.url);
      const device = await EdgeDevice.start(name, server, tabs, tap);
      giveBack.push(async () => {
        await device.edge.end('SIGKILL');
        await tap.close();
      });
      return { device, tap };
    };
    const many = async (name: string) => {
      const all: Awaited<ReturnType<typeof started>>[] = [];
      for (let at = 1; at <= lanes; at += 1) all.push(await started(`${name}-${at}`));
      return all;
    };
    const shared = { capture, tabs, say, isOver };
    if (parts.includes('outages')) {
      const { device, tap } = await started('outage');
      add(await outages({ server, device, tap, mqtt, capture, awayMs, say }));
      await device.edge.end();
    }
    const bad = parts.includes('bad') ? await many('bad') : [];
    const killed = parts.includes('kills') ? await many('kill') : [];
    const forget = new AbortController();
    const forgetting = forgetCalls([...bad, ...killed], forget.signal);
    const [one, other] = await Promise.all([
      bad.length > 0 ? badDeployments(bad, { ...shared, count }) : [],
      killed.length > 0
        ? killsDuringDeployments(
            killed.map(({ device }) => device),
            { ...shared, count, seed },
          )
        : [],
    ]);
    forget.abort();
    await forgetting;
    add([...one, ...other]);
    return claims;
  } finally {
    for (const end of giveBack.reverse()) await end();
    await server.end();
    await postgres.close();
  }
}

/** Those that somebody thought of, and the rest by chance. */
function tamperedClaim(count: number, seed: number): Claim {
  const bundle = tampering();
  const cases = bundle.cases.slice(0, count);
  const meant = strikeCases({ ...bundle, cases });
  const chance = strikeAtRandom(bundle, { count: count - cases.length, seed });
  const taken = [...meant.taken, ...chance.taken];
  const tried = meant.tried + chance.tried;
  return claim(
    `${count} tampered bundles at the device's door: none is taken`,
    `${tried} struck, ${taken.length} taken`,
    taken,
  );
}

/** A tap keeps what it saw; hours of pictures are more than this process should hold. */
async function forgetCalls(all: readonly { tap: Tap }[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const { tap } of all) tap.calls.splice(0);
    await pause(5000, undefined, { signal }).catch(() => undefined);
  }
}

async function brokerOf(server: ServerUnderTest): Promise<{ port: number; site: string }> {
  const { id, api_key } = await server.device('asks');
  const url = `${server.url}/api/v1/device/config?device_id=${id}`;
  const { mqtt } = (await (await fetch(url, { headers: { 'X-DEVICE-KEY': api_key } })).json()) as ServedConfig;
  return { port: Number(new URL(mqtt.url).port), site: mqtt.root.split('/').at(-1) ?? '' };
}
