import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { decodeFrame } from '../../../edge/spool/record.ts';
import { temporaryFolder } from '../../support/folders.ts';

const WRITER = join(import.meta.dirname, 'writer.ts');
const KILLS = 8;

/** Runs the writer until it has told something, lets it go on for a random moment, kills it, and answers its whole lines. */
async function runAndKill(data: string): Promise<{ word: string; seq: number; sha: string }[]> {
  const child = spawn(process.execPath, [WRITER, data], { stdio: ['ignore', 'pipe', 'inherit'] });
  let told = '';
  child.stdout.on('data', (chunk: Buffer) => {
    told += chunk.toString();
  });
  await once(child.stdout, 'data');
  await pause(Math.random() * 150);
  child.kill('SIGKILL');
  await once(child, 'close');
  const whole = told.slice(0, told.lastIndexOf('\n')).split('\n');
  return whole.map((line) => {
    const [word = '', seq, sha = ''] = line.split(' ');
    return { word, seq: Number(seq), sha };
  });
}

describe('the spool under kill -9', () => {
  it('has every promised frame whole, half a frame never, and no number twice', async () => {
    const data = await temporaryFolder('spool-kill');
    const known = new Map<number, string>();
    const sent = new Set<number>();
    for (let kill = 0; kill < KILLS; kill += 1) {
      const highestBefore = Math.max(-1, ...known.keys());
      const lines = await runAndKill(data);
      for (const { word, seq, sha } of lines) {
        if (word === 'sent') sent.add(seq);
        else assert.ok(seq > highestBefore, `${seq} was given again after ${highestBefore}`);
        assert.equal(known.get(seq) ?? sha, sha, `two frames under ${seq}`);
        known.set(seq, sha);
      }
      const onDisk = new Map<number, string>();
      for (const name of await readdir(join(data, 'spool'))) {
        if (!name.endsWith('.frame')) continue;
        const frame = decodeFrame(await readFile(join(data, 'spool', name)));
        assert.ok(frame, `${name} is torn`);
        onDisk.set(Number.parseInt(name, 10), createHash('sha256').update(frame.jpeg).digest('hex'));
      }
      for (const [seq, sha] of known) if (!sent.has(seq)) assert.equal(onDisk.get(seq), sha, `${seq} is lost`);
      // What was on disk but not yet promised when the kill came counts as given, too.
      for (const [seq, sha] of onDisk) known.set(seq, sha);
    }
    assert.ok(known.size > KILLS && sent.size > 0, `${known.size} frames, ${sent.size} sent`);
  });
});
