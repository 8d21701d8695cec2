import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import sharp from 'sharp';
import { parseName } from '../../edge/spool/names.ts';
import { decodeFrame } from '../../edge/spool/record.ts';
import { TEMPORARY } from '../../runtime/lib/files.ts';
import { lives } from '../support/programs.ts';
import { random } from '../support/scenes.ts';
import { EdgeUnderTest, ServerUnderTest } from '../support/servers.ts';
import { until } from '../support/until.ts';
import { sha256 } from './ledger.ts';

const DEVICE = 'porch';

export interface EdgeReport {
  kills: number;
  /** rows of the server in the end */
  stored: number;
  /** numbered frames that lay in the spool right after a kill */
  seen: number;
  /** temporary files that a kill left */
  halfWritten: number;
  /** what should not be, in words */
  broken: string[];
}

/**
 * Kills the edge's agent at random moments while it captures, spools and uploads; in every other round the server stands still meanwhile,
 * so that frames pile up. What lay in the spool after each kill has to be on the server in the end, once, with its bytes.
 */
export async function edgeRun(options: {
  kills: number;
  seed: number;
  onKill?: (done: number, seen: number) => void;
}): Promise<EdgeReport> {
  const next = random(options.seed);
  const report: EdgeReport = { kills: options.kills, stored: 0, seen: 0, halfWritten: 0, broken: [] };
  const spooled = new Map<number, string>();
  const server = await ServerUnderTest.start({ LOG_LEVEL: 'warn', RETENTION_MIN_FREE_GB: '0' });
  try {
    const device = await server.device(DEVICE);
    await server.api.put(`/devices/${DEVICE}/config`, { capture_interval_s: 0.2, width: 320, height: 180 });
    const edge = await EdgeUnderTest.start(server, device, 'sim:gradient');
    try {
      for (let kill = 0; kill < options.kills; kill += 1) {
        const before = await server.api.lastSeq(DEVICE);
        await edge.program.while('frames arrive', async () => (await server.api.lastSeq(DEVICE)) > before + 1, 60_000);
        const still = kill % 2 === 1;
        if (still) server.program.signal('SIGSTOP');
        await pause(next() * 1500);
        const child = await edge.child();
        await edge.end('SIGKILL');
        await until('the child is gone', async () => !(await lives(child)), 20_000);
        await look(join(edge.folder, 'edge', 'spool'), spooled, report);
        if (still) server.program.signal('SIGCONT');
        if (edge.program.lines.some((line) => line.includes('renumbered'))) report.broken.push(`renumbered at ${kill}`);
        edge.start();
        options.onKill?.(kill + 1, report.seen);
      }
      const last = await server.api.lastSeq(DEVICE);
      await edge.program.while(
        'frames arrive again',
        async () => (await server.api.lastSeq(DEVICE)) > last + 3,
        60_000,
      );
      await edge.spoolDrains();
      await edge.end();
      await look(join(edge.folder, 'edge', 'spool'), new Map(), report);
    } finally {
      await edge.end('SIGKILL');
    }
    await compare(server, spooled, report);
    return report;
  } finally {
    await server.end();
  }
}

/** Reads the spool as the kill left it. */
async function look(folder: string, spooled: Map<number, string>, report: EdgeReport): Promise<void> {
  for (const name of await readdir(folder)) {
    if (TEMPORARY.test(name)) report.halfWritten += 1;
    const meaning = parseName(name);
    if (meaning?.kind !== 'frame') continue;
    const frame = decodeFrame(await readFile(join(folder, name)));
    if (!frame) {
      report.broken.push(`${meaning.n} is torn in the spool`);
      continue;
    }
    const sha = sha256(frame.jpeg);
    const known = spooled.get(meaning.n);
    if (known !== undefined && known !== sha) report.broken.push(`${meaning.n} was given twice`);
    if (known === undefined) report.seen += 1;
    spooled.set(meaning.n, sha);
  }
  const aside = await readdir(join(folder, 'aside')).catch(() => []);
  for (const name of aside) report.broken.push(`${name} was set aside`);
  const rejected = await readdir(join(folder, 'rejected')).catch(() => []);
  for (const name of rejected) report.broken.push(`${name} was rejected`);
}

async function compare(server: ServerUnderTest, spooled: Map<number, string>, report: EdgeReport): Promise<void> {
  const captures = await server.api.captures(DEVICE);
  const bySeq = new Map(captures.map((capture) => [capture.seq, capture]));
  report.stored = captures.length;
  if (bySeq.size !== captures.length) report.broken.push('a number is there twice');
  for (let seq = 0; seq < captures.length; seq += 1) if (!bySeq.has(seq)) report.broken.push(`${seq} is missing`);
  for (const { seq, image } of captures) {
    const jpeg = await server.api.picture(image);
    const known = spooled.get(seq);
    if (known !== undefined && known !== sha256(jpeg)) report.broken.push(`${seq} has other bytes than in the spool`);
    // A torn picture does not decode to its end.
    await sharp(jpeg, { failOn: 'warning' })
      .raw()
      .toBuffer()
      .catch((error: unknown) => report.broken.push(`${seq} does not decode: ${String(error)}`));
  }
  for (const seq of spooled.keys()) if (!bySeq.has(seq)) report.broken.push(`${seq} was spooled and never arrived`);
}
