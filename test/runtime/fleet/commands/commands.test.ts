import assert from 'node:assert/strict';
import type { MqttClient } from 'mqtt';
import type { CommandAnswer, CommandMessage } from '../../../../runtime/contracts/commands.ts';
import { deviceTopics } from '../../../../runtime/contracts/topics.ts';
import type { Db } from '../../../../runtime/db/db.ts';
import { Commands } from '../../../../runtime/fleet/commands/commands.ts';
import { createFleet, type Fleet } from '../../../../runtime/fleet/fleet.ts';
import { uuidv7 } from '../../../../runtime/lib/ids.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { describeOnBothDatabases } from '../../../support/databases.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { until } from '../../../support/until.ts';
import { BrokerBench } from '../../broker/broker-bench.ts';

const ANNA = { name: 'user:anna' };
const ALL = { limit: 50 };
const TOPICS = deviceTopics('home', 'pi-1');

describeOnBothDatabases('commands to a device', (database) => {
  let db: Db;
  let clock: FakeClock;
  let fleet: Fleet;
  let commands: Commands;
  let bench: BrokerBench;

  const createCommands = () =>
    new Commands({
      db,
      clock,
      log: silentLog,
      newId: uuidv7,
      isConnected: (device) => bench.broker.isConnected(device),
      publish: (device, name, body) => bench.broker.publish(deviceTopics('home', device).command(name), body),
    });

  beforeEach(async () => {
    db = await database.open();
    clock = new FakeClock();
    fleet = createFleet({
      db,
      clock,
      log: silentLog,
      site: 'home',
      pepper: Buffer.from('pepper'),
      mqttUrl: () => '',
      urlCipher: { seal: (text) => text, open: (text) => text },
      checkUrl: () => undefined,
      reservedCameraIds: new Set(),
      notifyConfig: () => undefined,
      onRevoked: () => undefined,
    });
    await fleet.createDevice({ id: 'pi-1', name: 'Pi' }, ANNA);
    commands = createCommands();
    await commands.start();
    const quiet = () => undefined;
    bench = await new BrokerBench({
      handlers: {
        onConnected: quiet,
        onConfigWanted: quiet,
        onState: quiet,
        onInfo: quiet,
        onHeartbeat: quiet,
        onDisconnected: (device) => commands.deviceGone(device),
        onCommandsWanted: (device) => commands.deviceListens(device),
        onMessage: (device, { topic, body }) =>
          commands.hear(device, topic.slice(topic.lastIndexOf('/') + 1), body as CommandAnswer),
      },
    }).start();
  });
  afterEach(async () => {
    await commands.stop();
    await bench.stop();
  });

  /** A device that notes its commands and answers as it is told. */
  const device = async (reply: (command: CommandMessage) => Omit<CommandAnswer, 'id'>[] = () => []) => {
    const client = await bench.device('pi-1');
    const got: (CommandMessage & { name: string })[] = [];
    client.on('message', (topic, payload) => {
      const command: CommandMessage = JSON.parse(payload.toString());
      got.push({ ...command, name: topic.slice(topic.lastIndexOf('/') + 1) });
      for (const body of reply(command)) say(client, { id: command.id, ...body });
    });
    await client.subscribeAsync(TOPICS.commands, { qos: 1 });
    return { client, got };
  };
  const say = (client: MqttClient, body: CommandAnswer) =>
    void client.publish(TOPICS.response('server'), JSON.stringify(body), { qos: 1 });
  const became = (id: string, state: string) =>
    until(`${state}`, async () => {
      const command = await commands.get(id);
      return command.state === state && command;
    });

  it('that is away wait, leave in their order when it comes, and end with what it answers', async () => {
    const ids: string[] = [];
    for (const name of ['restart', 'identify', 'dance'])
      ids.push((await commands.issue('pi-1', { name, args: {} }, ANNA)).id);
    assert.deepEqual(
      (await commands.list('pi-1', ALL)).items.map(({ state }) => state),
      ['queued', 'queued', 'queued'],
    );
    const { got } = await device(() => [
      { status: 'accepted' },
      { status: 'progress', data: 'half' },
      { status: 'ok', data: { well: true } },
    ]);
    for (const id of ids) await became(id, 'done');
    assert.deepEqual(
      got.map(({ id, name, reply_to }) => [id, name, reply_to]),
      ids.map((id, n) => [id, ['restart', 'identify', 'dance'][n], 'server']),
    );
    assert.ok(got.every(({ counter }, n) => n === 0 || counter > (got[n - 1]?.counter ?? 0)));
    assert.deepEqual(got[1]?.args, { seconds: 30 }, 'defaults are filled in');
    const done = await commands.get(ids[0] ?? '');
    assert.deepEqual([done.data, done.progress, done.actor], [{ well: true }, ['half'], 'user:anna']);
  });

  it('that does not come in time are reported as expired, and not sent any more', async () => {
    const updates: string[] = [];
    commands.watch(({ state }) => updates.push(state));
    const { id } = await commands.issue('pi-1', { name: 'restart', ttl_s: 60 }, ANNA);
    await clock.advance(61_000);
    await until('it is told', async () => {
      // It is looked for every 5 s, when the last look has ended.
      await clock.advance(5000);
      return updates.includes('expired');
    });
    const command = await commands.get(id);
    assert.deepEqual([command.state, command.code], ['expired', 'command.expired']);
    const { got } = await device();
    const later = await commands.issue('pi-1', { name: 'restart' }, ANNA);
    await until('the later one', () => got.length > 0);
    assert.deepEqual(
      got.map((one) => one.id),
      [later.id],
    );
  });

  it('are sent again at each connect until answered, also by a server that was started again', async () => {
    const first = await device(() => [{ status: 'accepted' }]);
    const { id } = await commands.issue('pi-1', { name: 'restart' }, ANNA);
    await became(id, 'accepted');
    first.client.end(true);
    await until('it is gone', () => !bench.broker.isConnected('pi-1'));
    await commands.stop();
    commands = createCommands();
    await commands.start();
    const second = await device(() => [{ status: 'error', code: 'command.interrupted', error: 'cut' }]);
    const command = await became(id, 'failed');
    assert.deepEqual([command.code, command.error], ['command.interrupted', 'cut']);
    assert.equal(second.got[0]?.counter, first.got[0]?.counter);
    second.client.end(true);
    await until('it is gone', () => !bench.broker.isConnected('pi-1'));
    const third = await device();
    const next = await commands.issue('pi-1', { name: 'restart' }, ANNA);
    await until('the next one only', () => third.got.length > 0);
    assert.deepEqual(
      third.got.map((one) => one.id),
      [next.id],
    );
  });

  it('that were begun and never finished fail ten minutes after their time', async () => {
    await device(() => [{ status: 'accepted' }]);
    const { id } = await commands.issue('pi-1', { name: 'restart', ttl_s: 60 }, ANNA);
    await became(id, 'accepted');
    await clock.advance(60_000 + 9 * 60_000);
    assert.equal((await commands.get(id)).state, 'accepted');
    await clock.advance(61_000);
    const command = await commands.get(id);
    assert.deepEqual([command.state, command.code], ['failed', 'command.timeout']);
  });

  it('have counters above all earlier ones, also when the database is a new one', async () => {
    const counter = async (id: string) =>
      (await db.query<{ counter: number }>('select counter from commands where id = $1', [id])).rows[0]?.counter ?? 0;
    const one = await counter((await commands.issue('pi-1', { name: 'restart' }, ANNA)).id);
    assert.ok(one >= clock.now(), 'no counter of a lost database can be higher');
    clock.jump(-3_600_000);
    const two = await counter((await commands.issue('pi-1', { name: 'restart' }, ANNA)).id);
    assert.equal(two, one + 1);
  });

  it('are refused for a device that does not exist, with wrong arguments, and when only the server sends them', async () => {
    await assert.rejects(commands.issue('nobody', { name: 'restart' }, ANNA), { code: 'device.not_found' });
    const wrong = { name: 'logs', args: { seconds: 3600 } };
    await assert.rejects(commands.issue('pi-1', wrong, ANNA), { code: 'request.invalid' });
    const internal = { name: 'capture', args: { nonce: 'n'.repeat(43) } };
    await assert.rejects(commands.issue('pi-1', internal, ANNA), { code: 'command.forbidden' });
    await assert.rejects(commands.get('no-uuid'), { code: 'command.not_found' });
    assert.deepEqual(await commands.list('pi-1', ALL), { items: [], next: null });
  });

  it('are listed the newest first, page by page, and one that comes meanwhile moves nothing', async () => {
    const given: string[] = [];
    const give = async () => void given.unshift((await commands.issue('pi-1', { name: 'identify' }, ANNA)).id);
    for (let n = 0; n < 5; n += 1) await give();
    const first = await commands.list('pi-1', { limit: 2 });
    const asked = [...given];
    await give();
    const second = await commands.list('pi-1', { limit: 2, cursor: first.next ?? '' });
    const third = await commands.list('pi-1', { limit: 2, cursor: second.next ?? '' });
    assert.deepEqual(
      [first, second, third].flatMap(({ items }) => items.map(({ id }) => id)),
      asked,
    );
    assert.equal(third.next, null);
    await assert.rejects(commands.list('pi-1', { limit: 2, cursor: 'x' }), { code: 'request.invalid' });
  });

  it('an answer of another device, or to another requester, changes nothing', async () => {
    await fleet.createDevice({ id: 'pi-2', name: 'Other' }, ANNA);
    const { client, got } = await device();
    const { id } = await commands.issue('pi-1', { name: 'restart' }, ANNA);
    await until('it came', () => got.length === 1);
    const other = await bench.device('pi-2');
    await other.publishAsync(deviceTopics('home', 'pi-2').response('server'), JSON.stringify({ id, status: 'ok' }), {
      qos: 1,
    });
    await client.publishAsync(TOPICS.response('someone'), JSON.stringify({ id, status: 'ok' }), { qos: 1 });
    say(client, { id, status: 'accepted' });
    await became(id, 'accepted');
    say(client, { id, status: 'ok' });
    await became(id, 'done');
    say(client, { id, status: 'error', code: 'late' });
    const next = await commands.issue('pi-1', { name: 'restart' }, ANNA);
    say(client, { id: next.id, status: 'ok' });
    await became(next.id, 'done');
    assert.equal((await commands.get(id)).state, 'done');
  });

  it('a request is answered with the data, and refuses in the words of the device', async () => {
    await device(({ args }) =>
      args && 'no' in args
        ? [{ status: 'error', code: 'camera.unreachable', error: 'it is dark' }]
        : [{ status: 'accepted' }, { status: 'ok', data: { n: 7 } }],
    );
    assert.deepEqual(await commands.request('pi-1', 'dance', {}, { timeoutMs: 5000 }), { n: 7 });
    await assert.rejects(commands.request('pi-1', 'dance', { no: 1 }, { timeoutMs: 5000 }), (error: unknown) => {
      const { code, details } = error as { code: string; details: Record<string, unknown> };
      assert.deepEqual([code, details.code, details.reason], ['command.refused', 'camera.unreachable', 'it is dark']);
      return true;
    });
  });

  it('a request fails at once for a device that is away or goes, in time for one that is silent, and is not sent again', async () => {
    const asked = (options: { timeoutMs: number; signal?: AbortSignal } = { timeoutMs: 5000 }) =>
      commands.request('pi-1', 'dance', {}, options);
    await assert.rejects(asked(), { code: 'device.offline' });
    const first = await device();
    const cut = asked();
    await until('it came', () => first.got.length === 1);
    first.client.end(true);
    await assert.rejects(cut, { code: 'device.offline' });
    const second = await device();
    const late = asked();
    await until('it came', () => second.got.length === 1);
    await Promise.all([assert.rejects(late, { code: 'command.timeout' }), clock.advance(5001)]);
    const stop = new AbortController();
    const stopped = asked({ timeoutMs: 5000, signal: stop.signal });
    await until('it came', () => second.got.length === 2);
    stop.abort(new Error('enough'));
    await assert.rejects(stopped, /enough/);
    const over = ['failed', 'expired'];
    await until('all are over', async () =>
      (await commands.list('pi-1', ALL)).items.every(({ state }) => over.includes(state)),
    );
    second.client.end(true);
    await until('it is gone', () => !bench.broker.isConnected('pi-1'));
    const third = await device();
    const next = await commands.issue('pi-1', { name: 'restart' }, ANNA);
    await until('something came', () => third.got.length > 0);
    assert.deepEqual(
      third.got.map(({ id }) => id),
      [next.id],
    );
  });
});
