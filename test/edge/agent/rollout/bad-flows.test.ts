import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Child } from '../../../../edge/agent/child.ts';
import { systemDisk } from '../../../../edge/agent/rollout/disk.ts';
import { PinnedKey } from '../../../../edge/agent/rollout/pinned-key.ts';
import { type ReportBody, Rollout } from '../../../../edge/agent/rollout/rollout.ts';
import { type CallServer, NoAnswer } from '../../../../edge/agent/server-http.ts';
import { CHILD_FLAGS } from '../../../../edge/agent/small-heap.ts';
import type { ChildView } from '../../../../edge/ipc.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { temporaryFolder } from '../../../support/folders.ts';
import { until } from '../../../support/until.ts';
import { makeBundle, pointTo, tab, testSigner } from './bundles.ts';

const NODE = `let made = 0;
export default function (RED) {
  RED.nodes.registerType('test-frames', function (config) {
    RED.nodes.createNode(this, config);
    made += 1;
    const madeAs = made;
    const timer = setInterval(() => RED.settings.redeye.frame(madeAs).catch(() => undefined), 100);
    this.on('close', () => clearInterval(timer));
  });
  RED.nodes.registerType('test-exit', function (config) {
    RED.nodes.createNode(this, config);
    setTimeout(() => process.exit(0), 300);
  });
}`;
const FRAMES = { id: 'f', type: 'test-frames', wires: [] };
/** Runs once the flows have started. */
const script = (code: string) => ({ id: 'x', type: 'function', func: 'return msg;', initialize: code, wires: [[]] });

describe('bad flows, deployed to a device with a real flow process', function () {
  this.timeout(180_000);
  const signer = testSigner();
  const bundles = new Map<string, string>();
  const reports: ReportBody[] = [];
  let view: ChildView = { cameras: [], flows: 'starting', nodeTypes: [], rssMb: 0 };
  let frames = 0;
  /** which of its process's nodes took the newest frame */
  let takenBy = 0;
  let generation = 0;
  let serverIsThere = true;
  let rollout: Rollout;
  let child: Child;

  const call: CallServer = async ({ path, headers }) => {
    if (!serverIsThere) throw new NoAnswer('no network');
    const bytes = Buffer.from(bundles.get(path.split('/').pop() ?? '') ?? '');
    const [, from = 0, to = 0] = /^bytes=(\d+)-(\d+)$/.exec(headers?.range ?? '') ?? [];
    const body = bytes.subarray(Number(from), Number(to) + 1);
    return { status: 206, headers: { 'content-range': `bytes ${from}-${to}/${bytes.length}` }, body };
  };
  const ended = (phase: string) =>
    until(
      `generation ${generation} is ${phase}`,
      () => reports.find((one) => one.generation === generation && one.phase === phase),
      90_000,
    );
  const deploy = (flows: { id: string; type: string }[], text?: string) => {
    generation += 1;
    const made = makeBundle(signer, { generation, flows });
    const message = text === undefined ? made.message : pointTo(signer, text, { generation });
    bundles.set(message.sha256, text ?? made.text);
    rollout.hearDesired(message);
  };
  const goodFrames = () => {
    const before = frames;
    return until('frames of the good flows', () => frames > before + 2, 60_000);
  };
  const goodRunsAgain = async () => {
    await goodFrames();
    assert.equal(rollout.current().revision, good);
  };
  let good: string | null = null;

  before(async () => {
    const folder = await temporaryFolder('rollout');
    await mkdir(join(folder, 'nodes'), { recursive: true });
    await writeFile(join(folder, 'nodes', 'frames.js'), NODE);
    await writeFile(join(folder, 'nodes', 'frames.html'), '');
    const section = { version: '>=5', nodes: { frames: 'frames.js' } };
    const about = { name: 'test-frames', version: '1.0.0', type: 'module', 'node-red': section };
    await writeFile(join(folder, 'nodes', 'package.json'), JSON.stringify(about));
    const place = join(folder, 'rollout');
    const keys = new PinnedKey({ file: join(place, 'key.json'), disk: systemDisk, log: silentLog });
    const { key_id, public_key } = signer;
    void keys.hear({ current: { key_id, public_key }, rotations: [] });
    child = new Child({
      entry: join(import.meta.dirname, 'flow-child.ts'),
      argv: [folder],
      execArgv: CHILD_FLAGS,
      env: { PATH: process.env.PATH, HOME: folder },
      pidFile: join(folder, 'child.pid'),
      clock: systemClock,
      log: silentLog,
      onMessage(message) {
        if (message.type === 'pong') rollout.pong();
        if (message.type === 'switch-answer' || message.type === 'switch-refusal') rollout.hearSwitch(message);
        if (message.type === 'report') {
          view = message;
          rollout.hearChild(message);
        }
        if (message.type !== 'spool') return;
        frames += 1;
        takenBy = message.still.width;
        rollout.noteFrame();
        child.send({ type: 'answer', call: message.call, seq: frames });
      },
      onStart() {
        view = { ...view, flows: 'starting' };
        child.send({ type: 'view' });
        child.send({ type: 'load', ...rollout.load() });
        rollout.childStarted();
      },
      onChange: () => undefined,
      onEnd: (end) => rollout.childEnded(end),
    });
    rollout = new Rollout({
      device: 'pi',
      folder: place,
      disk: systemDisk,
      keys,
      call,
      clock: systemClock,
      log: silentLog,
      limits: { probationMs: 2000, startMs: 40_000, silenceMs: 4000, maxRssMb: 600 },
      captureIntervalMs: () => 1000,
      upload: () => ({ state: 'waiting', frames: 0, bytes: 0, sent: 0, rejected: 0, dropped: 0 }),
      nodeTypes: () => (view.flows === 'running' ? view.nodeTypes : []),
      lastSeq: () => frames,
      restart: (now) => child.restart(now),
      handOver(n, load) {
        child.send({ type: 'switch', n, ...load });
        return true;
      },
      ping: (n) => child.send({ type: 'ping', n }),
      report: (body) => reports.push(body),
    });
    await rollout.start();
    await child.start();
    await until('the shipped flows', () => view.flows === 'running', 60_000);
    deploy(tab(FRAMES));
    await ended('active');
    good = rollout.current().revision;
    assert.notEqual(good, null);
    assert.deepEqual(
      reports.map(({ phase }) => phase),
      ['fetching', 'verifying', 'staged', 'switching', 'probation', 'active'],
    );
  });
  after(async () => {
    await rollout.stop();
    await child.stop();
  });

  it('that are no JSON never touch what runs', async () => {
    const { pid } = child.status();
    deploy([], '{"v":1,"manifest":');
    assert.equal((await ended('rejected')).code, 'bundle.invalid');
    assert.equal(child.status().pid, pid);
    await goodRunsAgain();
  });

  it('that name an unknown type never touch what runs', async () => {
    const { pid } = child.status();
    deploy(tab(FRAMES, { id: 'u', type: 'no-such-node', name: 'Odd', wires: [] }));
    assert.match((await ended('rejected')).reason ?? '', /"Odd" \(u\): type no-such-node/);
    assert.equal(child.status().pid, pid);
  });

  it('that are good take over in the running process', async () => {
    const { pid, starts } = child.status();
    deploy(tab(FRAMES, { id: 'c', type: 'comment' }));
    await ended('active');
    good = rollout.current().revision;
    await goodRunsAgain();
    assert.deepEqual([child.status().pid, child.status().starts], [pid, starts]);
  });

  it('that are good leave alone what they did not change: its node lives on, and one that changed is made anew', async () => {
    await goodRunsAgain();
    const before = takenBy;
    deploy(tab(FRAMES, { id: 'c', type: 'comment', name: 'changed' }, { id: 'r', type: 'comment' }));
    await ended('active');
    await goodFrames();
    assert.equal(takenBy, before);
    deploy(tab({ ...FRAMES, name: 'changed' }));
    await ended('active');
    await goodFrames();
    assert.equal(takenBy, before + 1);
    good = rollout.current().revision;
  });

  it('that need a node which this process left out run in a new one', async () => {
    const { starts } = child.status();
    deploy(tab(FRAMES, { id: 's', type: 'sort', wires: [[]] }));
    await ended('active');
    good = rollout.current().revision;
    await goodRunsAgain();
    assert.equal(child.status().starts, starts + 1);
  });

  const kinds: [string, { id: string; type: string }[], RegExp][] = [
    ['that throw at their start', tab(FRAMES, script('throw new Error("not today")')), /function x: .*not today/],
    ['that loop for ever', tab(FRAMES, script('setTimeout(() => { for (;;) {} }, 300)')), /did not answer|did not run/],
    [
      'that eat the memory',
      tab(
        FRAMES,
        script(
          'const all = []; setInterval(() => { for (let n = 0; n < 99; n++) all.push(new Array(1e6).fill(n)); }, 5)',
        ),
      ),
      /ended|takes \d+ MB/,
    ],
    ['that end the process', tab(FRAMES, { id: 'x', type: 'test-exit', wires: [] }), /ended with exit code 0/],
    ['whose camera is silent', tab({ id: 'c', type: 'comment' }), /no frame came/],
  ];
  for (const [name, flows, reason] of kinds)
    it(`${name} are gone again by themselves, without a network`, async () => {
      await until('the good flows', () => view.flows === 'running', 60_000);
      await goodRunsAgain();
      const { starts } = child.status();
      deploy(flows);
      await ended('staged');
      serverIsThere = false;
      const end = await ended('rolled_back');
      assert.match(end.reason ?? '', reason);
      assert.deepEqual([end.code, end.revision], ['bundle.failed', good]);
      const { before = 0, until: last = 0 } = end.frames ?? {};
      assert.ok(before > 2 && last >= before, `frames up to ${before}, theirs up to ${last}`);
      if (name.includes('silent')) assert.equal(last, before, 'none was theirs');
      await goodRunsAgain();
      assert.equal(child.status().starts, starts + 1, 'in by a hot switch, back by a new process');
      serverIsThere = true;
    });
});
