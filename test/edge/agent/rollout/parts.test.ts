import assert from 'node:assert/strict';
import { fetchBundle, forgetFetched } from '../../../../edge/agent/rollout/fetch-bundle.ts';
import { Gate, type GateOptions } from '../../../../edge/agent/rollout/gate.ts';
import { GoodWatch } from '../../../../edge/agent/rollout/good-watch.ts';
import { loadOf } from '../../../../edge/agent/rollout/load.ts';
import { PinnedKey } from '../../../../edge/agent/rollout/pinned-key.ts';
import { SealingKey } from '../../../../edge/agent/rollout/sealing-key.ts';
import { type CallServer, NoAnswer } from '../../../../edge/agent/server-http.ts';
import type { UploadStatus } from '../../../../runtime/contracts/host.ts';
import { canonicalJson } from '../../../../runtime/lib/canonical-json.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { sealFor } from '../../../../runtime/lib/sealed-box.ts';
import { signSuccessor } from '../../../../runtime/lib/signatures.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { makeBundle, tab, testSigner } from './bundles.ts';
import { MemoryDisk } from './memory-disk.ts';

describe('the fetch of a bundle', () => {
  const bytes = Buffer.alloc(700_000, 'flows ');
  const wanted = { sha256: 'a'.repeat(64), size: bytes.length };
  /** A server that is cut off after some answers. */
  const server =
    (answers: number, asked: string[] = []): CallServer =>
    async ({ headers }) => {
      if (asked.length >= answers) throw new NoAnswer('cut');
      asked.push(headers?.range ?? '');
      const [, from = 0, to = 0] = /(\d+)-(\d+)/.exec(headers?.range ?? '') ?? [];
      const body = bytes.subarray(Number(from), Number(to) + 1);
      return { status: 206, headers: { 'content-range': `bytes ${from}-${to}/${bytes.length}` }, body };
    };
  const signal = new AbortController().signal;

  it('goes on where it was cut, also after a start of the agent, and begins anew for another one', async () => {
    const disk = new MemoryDisk();
    const place = { folder: '/r', disk, signal };
    await assert.rejects(fetchBundle(wanted, { ...place, call: server(2) }), NoAnswer);
    const asked: string[] = [];
    const next = { ...place, disk: disk.restarted(false) };
    const got = await fetchBundle(wanted, { ...next, call: server(9, asked) });
    assert.ok(got.equals(bytes));
    assert.deepEqual(asked, ['bytes=524288-699999']);
    await forgetFetched(next);
    assert.deepEqual(next.disk.names, []);
    await assert.rejects(fetchBundle(wanted, { ...next, call: server(1) }), NoAnswer);
    const other: string[] = [];
    await fetchBundle({ ...wanted, sha256: 'b'.repeat(64) }, { ...next, call: server(9, other) });
    assert.equal(other[0], 'bytes=0-262143');
  });

  it('takes the whole from a proxy that knows no ranges, and says what the server does not have', async () => {
    const place = { folder: '/r', disk: new MemoryDisk(), signal };
    const whole: CallServer = async () => ({ status: 200, headers: {}, body: bytes });
    assert.ok((await fetchBundle(wanted, { ...place, call: whole })).equals(bytes));
    const gone: CallServer = async () => ({ status: 404, headers: {}, body: Buffer.alloc(0) });
    await assert.rejects(fetchBundle({ ...wanted, sha256: 'c'.repeat(64) }, { ...place, call: gone }), {
      code: 'bundle.gone',
    });
    const shifted: CallServer = async () => ({
      status: 206,
      headers: { 'content-range': 'bytes 5-9/10' },
      body: bytes,
    });
    await assert.rejects(fetchBundle({ ...wanted, sha256: 'd'.repeat(64) }, { ...place, call: shifted }), NoAnswer);
  });
});

describe('the pinned signing key', () => {
  const [one, two, three] = [testSigner(), testSigner(), testSigner()];
  const plain = ({ key_id, public_key }: typeof one) => ({ key_id, public_key });
  const trusted = ({ key }: PinnedKey) => key?.key_id;
  const open = async (disk: MemoryDisk) => {
    const keys = new PinnedKey({ file: '/r/key.json', disk, log: silentLog });
    await keys.open();
    return keys;
  };

  it('is the first one that is served, stays, and changes only by the word of the one before', async () => {
    const disk = new MemoryDisk();
    const keys = await open(disk);
    await keys.hear(undefined);
    assert.equal(trusted(keys), undefined);
    await keys.hear({ current: plain(one), rotations: [] });
    await keys.hear({ current: plain(two), rotations: [] });
    assert.equal(trusted(keys), one.key_id);
    const forged = { ...signSuccessor(three, two), signed_by: one.key_id };
    await keys.hear({ current: plain(two), rotations: [forged] });
    assert.equal(trusted(keys), one.key_id);
    const rotations = [signSuccessor(one, two), signSuccessor(two, three)];
    await keys.hear({ current: plain(three), rotations });
    assert.equal((await open(disk.restarted(true))).key?.key_id, three.key_id, 'two steps at once, and kept');
    await keys.hear({ current: plain(one), rotations });
    assert.equal(trusted(keys), three.key_id, 'never back');
  });

  it('is read before the server is listened to, and trusts nobody when its file is broken', async () => {
    const disk = new MemoryDisk();
    await (await open(disk)).hear({ current: plain(one), rotations: [] });
    const late = new PinnedKey({ file: '/r/key.json', disk, log: silentLog });
    const heard = late.hear({ current: plain(two), rotations: [] });
    await late.open();
    await heard;
    assert.equal(late.key?.key_id, one.key_id);
    disk.put('/r/key.json', '{"key_id":');
    const broken = await open(disk);
    await broken.hear({ current: plain(two), rotations: [] });
    assert.equal(broken.key, undefined);
  });
});

describe('a probation', () => {
  let clock: FakeClock;
  let frames: number;
  let upload: UploadStatus;
  let verdicts: (string | undefined)[];
  let gate: Gate;
  const begin = (change: Partial<GateOptions> = {}) => {
    gate = new Gate({
      clock,
      limits: { probationMs: 60_000, startMs: 45_000, silenceMs: 10_000, maxRssMb: 400 },
      gates: {},
      framesExpected: true,
      captureIntervalMs: () => 1000,
      frames: () => frames,
      upload: () => upload,
      ping: () => setImmediate(() => gate.pong()),
      onVerdict: (failure) => verdicts.push(failure),
      ...change,
    });
  };
  const run = { flows: 'running', rssMb: 100 };

  beforeEach(() => {
    clock = new FakeClock();
    frames = 0;
    verdicts = [];
    upload = { state: 'waiting', frames: 0, bytes: 0, sent: 5, rejected: 0, dropped: 0 };
  });

  it('is stood by flows that run, answer and bring frames, not before its time', async () => {
    begin();
    gate.hear({ flows: 'starting', rssMb: 50 });
    gate.hear(run);
    frames = 3;
    await clock.advance(59_000);
    assert.deepEqual(verdicts, []);
    await clock.advance(3000);
    assert.deepEqual(verdicts, [undefined]);
  });

  const failures: [string, () => Promise<void> | void, RegExp, Partial<GateOptions>?][] = [
    ['flows that never run', () => clock.advance(46_000), /did not run within 45 s/],
    [
      'a missing type',
      () => gate.hear({ flows: 'failed', reason: 'node types not available: x', rssMb: 1 }),
      /types not available/,
    ],
    ['a node that fails', () => gate.hear({ ...run, startErrors: ['function x: no'] }), /function x: no/],
    ['an end of the process', () => gate.ended('by SIGSEGV'), /ended by SIGSEGV/],
    ['too much memory', () => gate.hear({ ...run, rssMb: 401 }), /401 MB/],
    ['silence', () => clock.advance(15_000), /did not answer for/, { ping: () => undefined }],
    ['no frames', () => clock.advance(62_000), /no frame came/],
    [
      'no frames, for as long as their pace needs',
      () => clock.advance(300_000),
      /in 2[45]\d s/,
      { captureIntervalMs: () => 100_000 },
    ],
    [
      'too few frames',
      () => {
        frames = 40;
        return clock.advance(62_000);
      },
      /40 frames .* in place of 2 a second/,
      { gates: { min_fps: 2 } },
    ],
    [
      'frames that the server rejects',
      () => {
        frames = 10;
        upload = { ...upload, state: 'idle', rejected: 8 };
        return clock.advance(62_000);
      },
      /rejects/,
    ],
    [
      'frames that are not sent',
      () => {
        frames = 10;
        upload = { ...upload, state: 'sending', frames: 10 };
        return clock.advance(62_000);
      },
      /not sent/,
    ],
  ];
  for (const [name, happen, reason, change] of failures)
    it(`ends at ${name}`, async () => {
      begin(change);
      if (name !== 'flows that never run' && name !== 'a missing type') gate.hear(run);
      await happen();
      assert.equal(verdicts.length, 1);
      assert.match(verdicts[0] ?? '', reason);
      gate.ended('later');
      assert.equal(verdicts.length, 1, 'one verdict');
    });

  it('of flows in a running process ends at silence before they run, too', async () => {
    begin({ ping: () => undefined });
    gate.warm();
    gate.hear({ flows: 'starting', rssMb: 1 });
    await clock.advance(9000);
    assert.deepEqual(verdicts, []);
    await clock.advance(4000);
    assert.match(verdicts[0] ?? '', /did not answer for 1\d s/);
  });

  it('of flows in a running process does not count a frame that was on its way before', async () => {
    begin();
    gate.warm();
    gate.hear(run);
    await clock.advance(500);
    frames = 1;
    await clock.advance(62_000);
    assert.match(verdicts[0] ?? '', /no frame came/);
  });

  it('wants no frames where there were none, or where it was told so', async () => {
    for (const change of [{ framesExpected: false }, { gates: { expect_frames: false } }]) {
      begin(change);
      gate.hear(run);
      await clock.advance(62_000);
    }
    assert.deepEqual(verdicts, [undefined, undefined]);
  });
});

describe('the good flows', () => {
  it('fail with three ends within five minutes, and have stood after ten without one', async () => {
    const clock = new FakeClock();
    const loops: string[] = [];
    let stood = 0;
    const watch = new GoodWatch({ clock, onLoop: (reason) => loops.push(reason), onStood: () => (stood += 1) });
    for (let n = 0; n < 5; n += 1) {
      watch.started();
      await clock.advance(200_000);
      watch.ended('by SIGKILL');
    }
    assert.deepEqual(loops, [], 'now and then is no loop');
    await clock.advance(400_000);
    for (let n = 0; n < 3; n += 1) {
      watch.started();
      await clock.advance(1000);
      watch.ended('by SIGKILL');
    }
    assert.equal(loops.length, 1);
    watch.started();
    await clock.advance(600_000);
    assert.equal(stood, 1);
  });
});

describe('what the flow process is told to run', () => {
  it('has the credentials of the device, and the variables as a config node', async () => {
    const sealing = new SealingKey({ file: '/r/sealing.json', disk: new MemoryDisk() });
    await sealing.open();
    const credentials = sealFor(sealing.publicKey, canonicalJson({ n: { token: 'abc' } }));
    const { bundle } = makeBundle(testSigner(), { flows: tab(), credentials });
    bundle.content.env = { SHOP: '7' };
    const load = loadOf({ slot: 'A', bundle, onTrial: false }, sealing);
    assert.deepEqual(load.credentials, { n: { token: 'abc' } });
    assert.deepEqual(load.flows?.at(-1)?.env, [{ name: 'SHOP', value: '7', type: 'str' }]);
    assert.deepEqual(loadOf({ slot: 'own', bundle: undefined, onTrial: false }, sealing).flows, null);
    assert.equal(loadOf({ slot: 'safe', bundle: undefined, onTrial: false }, sealing).flows?.length, 1);
    assert.throws(() => sealing.check({ ...bundle, credentials: credentials.replace(/^..../, 'AAAA') }), {
      code: 'bundle.invalid',
    });
  });
});
