import assert from 'node:assert/strict';
import { Slots } from '../../../../edge/agent/rollout/slots.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { type Made, makeBundle, tab, testSigner } from './bundles.ts';
import { MemoryDisk, PowerCut } from './memory-disk.ts';

describe('the slots for flows', () => {
  const signer = testSigner();
  const open = async (disk: MemoryDisk) => {
    const slots = new Slots({ folder: '/rollout', disk, log: silentLog, now: () => 1_700_000_000_000 });
    return { slots, loaded: await slots.open() };
  };
  const made = (generation: number) =>
    makeBundle(signer, { generation, flows: tab({ id: 'n', type: 'comment', name: `of ${generation}` }) });
  const deploy = async (slots: Slots, bundle: Made) => slots.switchTo(await slots.stage(bundle));
  const device = async (...generations: number[]) => {
    const disk = new MemoryDisk();
    const { slots } = await open(disk);
    for (const generation of generations) {
      await deploy(slots, made(generation));
      await slots.confirm();
    }
    return { disk, slots };
  };

  it('start with what the device was shipped with, take turns, and keep the good one while another is on trial', async () => {
    const { slots } = await device();
    assert.deepEqual(await slots.load(), { slot: 'own', bundle: undefined, onTrial: false });
    assert.equal(slots.revision, null);
    const used: string[] = [];
    for (const generation of [1, 2, 3]) {
      await deploy(slots, made(generation));
      const loaded = await slots.load();
      assert.deepEqual([loaded.bundle?.manifest.generation, loaded.onTrial], [generation, true]);
      used.push(loaded.slot);
      await slots.confirm();
    }
    assert.deepEqual(used, ['A', 'B', 'A']);
    await deploy(slots, made(4));
    await slots.fallBack('it was bad');
    const back = await slots.load();
    assert.deepEqual([back.slot, back.bundle?.manifest.generation, back.onTrial], ['A', 3, false]);
    assert.deepEqual(slots.pointer.last, { generation: 4, phase: 'rolled_back', reason: 'it was bad' });
    assert.equal(slots.pointer.generation, 4, 'a generation that was tried is not tried again');
  });

  it('say of flows that failed which frames were theirs, over a start of the agent too', async () => {
    const disk = new MemoryDisk();
    let seq = 4;
    const start = async () => {
      const slots = new Slots({ folder: '/rollout', disk, log: silentLog, now: () => 0, lastSeq: () => seq });
      await slots.open();
      return slots;
    };
    const slots = await start();
    await deploy(slots, made(1));
    seq = 6; // of the flows before, which end only now
    slots.begun();
    seq = 9;
    await slots.fallBack('it was bad');
    assert.deepEqual(slots.pointer.last.frames, { before: 6, until: 9 });
    await deploy(slots, made(2));
    seq = 11;
    const again = await start();
    again.begun();
    await again.fallBack('it was bad');
    assert.deepEqual(again.pointer.last.frames, { before: 9, until: 11 });
    assert.deepEqual((await start()).pointer.last.frames, { before: 9, until: 11 });
  });

  for (const [what, before] of [
    ['the first deployment', []],
    ['a later one', [1, 2]],
  ] as const)
    for (const losing of [false, true])
      it(`boot the old or the new flows, whatever operation of ${what} is cut${losing ? ' and loses what was not synced' : ''}`, async () => {
        const next = made(9);
        const rest = await device(...before);
        rest.disk.cutAt(Number.POSITIVE_INFINITY);
        await deploy(rest.slots, next);
        await rest.slots.confirm();
        const steps = rest.disk.operations.length;
        assert.ok(steps >= 16, `${steps} operations`);
        const seen = new Set<string>();
        for (let at = 0; at < steps; at += 1) {
          const { disk, slots } = await device(...before);
          const old = await slots.load();
          disk.cutAt(at);
          await assert.rejects(async () => {
            await deploy(slots, next);
            await slots.confirm();
          }, PowerCut);
          const { slots: after, loaded } = await open(disk.restarted(losing));
          const isNew = loaded.bundle?.manifest.generation === 9;
          assert.deepEqual(loaded.bundle, isNew ? next.bundle : old.bundle, `cut at ${disk.operations[at]}`);
          if (!isNew) assert.equal(loaded.slot, old.slot);
          seen.add(isNew ? (loaded.onTrial ? 'new, on trial' : 'new') : 'old');
          // And from there on everything goes its way.
          const again = made(10);
          await deploy(after, again);
          await after.confirm();
          assert.deepEqual((await after.load()).bundle, again.bundle);
        }
        assert.deepEqual([...seen].sort(), ['new', 'new, on trial', 'old']);
      });

  it('come back to the old ones whatever operation of a fall back is cut', async () => {
    for (const losing of [false, true])
      for (let at = 0; at < 4; at += 1) {
        const { disk, slots } = await device(1);
        await deploy(slots, made(2));
        disk.cutAt(at);
        await assert.rejects(slots.fallBack('bad'), PowerCut);
        const first = await open(disk.restarted(losing));
        assert.ok([1, 2].includes(first.loaded.bundle?.manifest.generation ?? 0));
        if (first.loaded.bundle?.manifest.generation === 2) {
          // On trial once more: a second interruption ends it.
          assert.equal(first.loaded.onTrial, true);
          await first.slots.fallBack('bad');
        }
        assert.equal((await first.slots.load()).bundle?.manifest.generation, 1);
      }
  });

  it('go back by themselves when the agent ended twice during a probation', async () => {
    const { disk, slots } = await device(1);
    await deploy(slots, made(2));
    const once = disk.restarted(true);
    assert.equal((await open(once)).loaded.bundle?.manifest.generation, 2);
    const { loaded, slots: after } = await open(once.restarted(true));
    assert.equal(loaded.bundle?.manifest.generation, 1);
    assert.match(after.pointer.last.reason ?? '', /twice/);
  });

  it('give way to the good flows when a slot is damaged, and to the shipped ones when both are', async () => {
    const { disk, slots } = await device(1);
    await deploy(slots, made(2));
    disk.put('/rollout/B.json', 'rot');
    const first = await open(disk.restarted(true));
    assert.equal(first.loaded.bundle?.manifest.generation, 1);
    disk.put('/rollout/A.json', '');
    const second = await open(disk.restarted(true));
    assert.deepEqual([second.loaded.slot, second.loaded.bundle], ['own', undefined]);
    assert.equal(second.slots.pointer.last.phase, 'rolled_back');
  });

  it('refuse what was made before now when the pointer is lost', async () => {
    const { disk } = await device(1);
    disk.put('/rollout/pointer.json', '{"v":1,');
    const { loaded, slots } = await open(disk.restarted(true));
    assert.equal(loaded.slot, 'own');
    assert.equal(slots.pointer.generation, 1_700_000_000_000);
  });

  it('run the safe flow after two failures of the good one, and forget a failure that it got over', async () => {
    const { disk, slots } = await device(1);
    assert.equal(await slots.goodFailed('crashes'), 'A');
    await slots.goodStood();
    assert.equal(await slots.goodFailed('crashes'), 'A');
    assert.equal(await slots.goodFailed('crashes again'), 'safe');
    assert.deepEqual((await slots.load()).slot, 'safe');
    assert.equal(slots.revision, null);
    assert.equal(slots.pointer.last.reason, 'crashes again');
    const { loaded } = await open(disk.restarted(true));
    assert.equal(loaded.slot, 'safe', 'a power cut does not bring bad flows back by itself');
    await deploy(slots, made(2));
    assert.equal((await slots.load()).bundle?.manifest.generation, 2, 'a deployment leads out of it');
    await slots.confirm();
    assert.equal(slots.pointer.good, 'B');
  });
});
