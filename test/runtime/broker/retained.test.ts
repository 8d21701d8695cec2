import assert from 'node:assert/strict';
import { type Kept, Retained, retainedMemory } from '../../../runtime/broker/retained.ts';

const kept = (topic: string, text = topic): Kept => ({ topic, payload: Buffer.from(text) });
const topics = ['a', 'a/b', 'a/b/c', 'a//c', 'a/b/d', 'x/b/c', '/a', '$SYS/a', 'a/b/c/'];

describe('retained messages', () => {
  const filled = () => {
    const retained = new Retained();
    for (const topic of topics) retained.store(kept(topic));
    return retained;
  };
  const matched = (retained: Retained<Kept>, filter: string) =>
    [...retained.matching(filter)].map(({ topic }) => topic).sort();

  // The examples of MQTT 3.1.1 §4.7 and its edges: empty levels are levels.
  const EXPECTED: Record<string, string[]> = {
    'a/b/c': ['a/b/c'],
    'a/b': ['a/b'],
    'a/nothing': [],
    'a/#': ['a', 'a//c', 'a/b', 'a/b/c', 'a/b/c/', 'a/b/d'],
    '#': topics.filter((topic) => topic !== '$SYS/a').sort(),
    '+': ['a'],
    '+/+': ['/a', 'a/b'],
    '/+': ['/a'],
    'a/+/c': ['a//c', 'a/b/c'],
    '+/b/#': ['a/b', 'a/b/c', 'a/b/c/', 'a/b/d', 'x/b/c'],
    'a/b/c/+': ['a/b/c/'],
    '$SYS/#': ['$SYS/a'],
    '+/a': ['/a'],
  };
  for (const [filter, expected] of Object.entries(EXPECTED))
    it(`are found by ${filter} as the standard has it`, () => {
      assert.deepEqual(matched(filled(), filter), expected.toSorted());
    });

  it('are replaced by the next of their topic and taken back by an empty one, that one alone', () => {
    const retained = filled();
    retained.store(kept('a/b', 'new'));
    assert.deepEqual(
      [...retained.matching('a/b')].map(({ payload }) => payload.toString()),
      ['new'],
    );
    retained.store(kept('a/b', ''));
    retained.store(kept('never/there', ''));
    assert.deepEqual(matched(retained, 'a/#'), ['a', 'a//c', 'a/b/c', 'a/b/c/', 'a/b/d']);
    for (const topic of topics) retained.store(kept(topic, ''));
    assert.deepEqual(matched(retained, '#'), []);
  });

  it('are copies: what becomes of a packet afterwards changes nothing', async () => {
    const memory = retainedMemory();
    const packet = kept('a/b');
    await memory.storeRetained(packet);
    packet.topic = 'elsewhere';
    const found = await memory.createRetainedStreamCombi(['a/#', 'x']).toArray();
    assert.deepEqual(
      found.map(({ topic }) => topic),
      ['a/b'],
    );
  });

  it('of a thousand devices cost one that asks for its own next to nothing', () => {
    const retained = new Retained();
    let looked = 0;
    const counted = (topic: string): Kept => ({
      payload: Buffer.from('x'),
      get topic() {
        looked += 1;
        return topic;
      },
    });
    for (let n = 0; n < 1000; n += 1)
      for (const last of ['state', 'info', 'flow/reported'])
        retained.store(counted(`redeye/v1/home/d/pi-${n}/${last}`));
    looked = 0;
    for (const last of ['cmd/+', 'flow/desired', 'cfg/desired', 'c/+/+/set', 'state'])
      for (const _ of retained.matching(`redeye/v1/home/d/pi-7/${last}`)) looked += 1;
    assert.ok(looked <= 2, `${looked}`);
  });
});
