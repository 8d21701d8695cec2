import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { WaitingPicture } from '../../../edge/outbox/names.ts';
import type { Outbox } from '../../../edge/outbox/outbox.ts';
import { decodeFrame } from '../../../edge/spool/record.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { noting } from '../spool/support.ts';
import { idOf, outboxIn, picture } from './support.ts';

const WRITER = join(import.meta.dirname, 'writer.ts');
const KILLS = 4;

describe('the outbox', () => {
  let data: string;
  let outbox: Outbox;
  let lines: Parameters<typeof noting>[0];

  const open = async (options: Parameters<typeof outboxIn>[1] = {}) => {
    await outbox?.stop();
    outbox = outboxIn(data, { log: noting(lines), ...options });
    await outbox.start();
  };
  const add = (label: string, bytes?: number) => outbox.add(idOf(label), picture(label, bytes));
  const labels = async () => {
    const found: string[] = [];
    for (const entry of outbox.waiting()) {
      const held = await outbox.hold(entry);
      found.push(`${held?.meta.description} ${entry.step}`);
    }
    return found;
  };
  const names = async (folder = '') => (await readdir(join(data, 'outbox', folder))).sort();
  const first = (): WaitingPicture => {
    const [entry] = outbox.waiting();
    assert.ok(entry);
    return entry;
  };

  beforeEach(async () => {
    data = await temporaryFolder('outbox');
    lines = [];
    await open();
  });
  afterEach(() => outbox.stop());

  it('keeps pictures in the order they came, with their steps, over a start', async () => {
    for (const label of ['one', 'two', 'three']) await add(label);
    await outbox.step(first());
    await outbox.step(first());
    await open();
    assert.deepEqual(await labels(), ['one 2', 'two 0', 'three 0']);
    await outbox.remove(first());
    await add('four');
    await open();
    assert.deepEqual(await labels(), ['two 0', 'three 0', 'four 0']);
  });

  it('keeps what is given up with its reason over a start, and has it wait again in its old place', async () => {
    for (const label of ['one', 'two', 'three']) await add(label);
    const [one, two] = outbox.waiting();
    assert.ok(one && two);
    await outbox.step(one);
    await outbox.bury(two, 'Product not/found?');
    await outbox.bury(one, 'no_answer');
    await open();
    assert.deepEqual(
      outbox.dead().map(({ id, why }) => [id, why]),
      [
        [idOf('one'), 'no_answer'],
        [idOf('two'), 'product_not_found_'],
      ],
    );
    assert.deepEqual(await labels(), ['three 0']);
    assert.equal(await outbox.revive([idOf('two'), idOf('nobody')]), 1);
    assert.deepEqual(await labels(), ['two 0', 'three 0']);
    assert.equal(await outbox.revive(), 1);
    assert.deepEqual(await labels(), ['one 0', 'two 0', 'three 0']);
    await outbox.bury(first(), 'no_answer');
    assert.deepEqual([await outbox.deleteDead(), await names('dead'), outbox.counts().dead], [1, [], 0]);
  });

  it('is bounded: what was given up goes first, then the oldest; the one that is being sent stays, and each is said', async () => {
    await open({ maxBytes: 3000 });
    for (const label of ['one', 'two', 'three']) await add(label, 700);
    const [, two] = outbox.waiting();
    assert.ok(two);
    await outbox.bury(two, 'no_answer');
    await outbox.hold(first());
    await add('four', 700);
    assert.deepEqual([outbox.counts().dead, outbox.counts().waiting], [0, 3]);
    await outbox.hold(first());
    await add('five', 700);
    const kept = outbox.waiting().map(({ id }) => id);
    assert.deepEqual(
      kept,
      ['one', 'four', 'five'].map((label) => idOf(label)),
    );
    assert.equal(outbox.counts().dropped, 2);
    const said = lines.filter(({ message }) => message.includes('to make room'));
    assert.deepEqual(
      said.map(({ level, fields }) => [level, fields?.image]),
      [
        ['warn', idOf('two')],
        ['warn', idOf('three')],
      ],
    );
    await assert.rejects(add('huge', 4000), { code: 'spool.full' });
    assert.equal(outbox.waiting().length, 3, 'for one that can never fit nothing goes');
    await open({ maxCount: 2 });
    await add('six');
    assert.deepEqual(await labels(), ['five 0', 'six 0']);
  });

  it('sets torn and alien files aside, deletes half-written ones, and goes on', async () => {
    for (const label of ['one', 'two', 'three']) await add(label);
    const [torn = '', altered = ''] = (await names()).filter((name) => name.endsWith('.picture'));
    await truncate(join(data, 'outbox', torn), 30);
    const bytes = await readFile(join(data, 'outbox', altered));
    bytes[bytes.length - 1] = 0x42;
    await writeFile(join(data, 'outbox', altered), bytes);
    await writeFile(join(data, 'outbox', 'README.txt'), 'alien');
    await writeFile(join(data, 'outbox', '.x.picture.0123456789ab.tmp'), 'half');
    await open();
    assert.deepEqual(
      outbox.waiting().map(({ id }) => id),
      [idOf('two'), idOf('three')],
    );
    assert.equal(await outbox.hold(first()), undefined, 'the crc32 does not fit');
    assert.deepEqual(await labels(), ['three 0']);
    assert.deepEqual(await names('aside'), ['README.txt', altered, torn].sort());
    assert.ok(!(await names()).some((name) => name.endsWith('.tmp')));
  });

  it('has every promised picture whole after kill -9, once, and half of one never', async () => {
    const known = new Set<string>();
    const gone = new Set<string>();
    for (let kill = 0; kill < KILLS; kill += 1) {
      const child = spawn(process.execPath, [WRITER, data], { stdio: ['ignore', 'pipe', 'inherit'] });
      let told = '';
      child.stdout.on('data', (chunk: Buffer) => {
        told += chunk.toString();
      });
      await once(child.stdout, 'data');
      await pause(Math.random() * 120);
      child.kill('SIGKILL');
      await once(child, 'close');
      for (const line of told.slice(0, told.lastIndexOf('\n')).split('\n')) {
        const [word, id = ''] = line.split(' ');
        (word === 'gone' ? gone : known).add(id);
      }
      const onDisk: string[] = [];
      for (const folder of ['', 'dead']) {
        for (const name of await names(folder)) {
          if (!/\.(picture|dead)$/.test(name)) continue;
          const whole = decodeFrame(await readFile(join(data, 'outbox', folder, name)));
          assert.ok(whole, `${name} is torn`);
          onDisk.push(/-([0-9a-f]{32})\./.exec(name)?.[1] ?? '');
        }
      }
      assert.equal(new Set(onDisk).size, onDisk.length, 'none is there twice');
      for (const id of known) if (!gone.has(id)) assert.ok(onDisk.includes(id), `${id} is lost`);
    }
    assert.ok(known.size > KILLS && gone.size > 0, `${known.size} kept, ${gone.size} gone`);
  });
});
