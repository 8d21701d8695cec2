import assert from 'node:assert/strict';
import type { NodeAPI } from 'node-red';
import { Type } from 'typebox';
import { cameraOf } from '../../../nodes/lib/camera-ref.ts';
import { type Behaviour, defineNode, type NodeContext, partOf } from '../../../nodes/lib/define-node.ts';
import { inputs } from '../../../nodes/lib/inputs.ts';
import type { ConfigShape } from '../../../nodes/lib/saved-config.ts';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { NodeType } from '../../../runtime/contracts/node-types.ts';
import { FakeHost, TINY_JPEG } from '../../support/fake-host.ts';
import { type Player, playFlow, registerTestNode } from '../../support/flow-player.ts';
import { until } from '../../support/until.ts';

const schema = Type.Object({
  name: Type.String({ default: '' }),
  count: Type.Integer({ default: 3, minimum: 1 }),
  wide: Type.Boolean({ default: false }),
});
type Context = NodeContext<{ name: string; count: number; wide: boolean }, 'pin'>;

/** What the node under test does is given by each test. */
let setup: (context: Context) => Behaviour | undefined = () => undefined;

describe('defineNode', () => {
  const fake = new FakeHost();
  let player: Player;

  const play = async (fields: Record<string, unknown> = {}, more: { id: string; type: string }[] = []) => {
    player = await playFlow([{ id: 'n', type: 'test-node', wires: [[], []], ...fields }, ...more], { host: fake.host });
  };

  before(async () => {
    const shape: ConfigShape<typeof schema> = {
      schema,
      version: 3,
      upgrades: {
        2: ({ amount, ...rest }) => ({ ...rest, count: amount }),
        3: (old) => ({ ...old, wide: old.size === 'wide' }),
      },
    };
    await registerTestNode((RED: NodeAPI) =>
      defineNode(RED, {
        type: 'test-node' as NodeType,
        shape,
        credentials: { pin: 'password' },
        setup: (context) => setup(context),
      }),
    );
    await registerTestNode((RED: NodeAPI) =>
      defineNode(RED, {
        type: 'test-camera' as NodeType,
        shape: { schema: Type.Object({ camera: Type.String({ default: '' }) }), version: 1 },
        setup: () => undefined,
      }),
    );
  });
  afterEach(async () => {
    setup = () => undefined;
    await player.stop();
  });

  it('gives a node its config with defaults, and numbers and booleans made from what a form saves', async () => {
    let context: Context | undefined;
    setup = (given) => {
      context = given;
      return undefined;
    };
    await play({ version: 3, count: '5', wide: 'true', credentials: { pin: '1234' } });
    assert.deepEqual(context?.config, { name: '', count: 5, wide: true });
    assert.equal(context?.credentials.pin, '1234');
    await play({ version: 3, count: '' });
    assert.deepEqual(context?.config, { name: '', count: 3, wide: false });
  });

  it('brings an old saved config up step by step', async () => {
    let config: unknown;
    setup = (context) => {
      config = context.config;
      return undefined;
    };
    await play({ amount: 7, size: 'wide' });
    assert.deepEqual(config, { name: '', count: 7, wide: true });
    await play({ version: 2, count: 8, size: 'small' });
    assert.deepEqual(config, { name: '', count: 8, wide: false });
  });

  it('keeps a node with a wrong config in the flow, red and naming the field, and fails its messages', async () => {
    setup = () => ({ onInput: () => assert.fail('must not run') });
    await play({ version: 3, count: 0 });
    assert.equal((await player.statusIs('n', /^count must be >= 1$/)).fill, 'red');
    player.inject('n');
    await until('the message failed', () =>
      player.failures.some((one) => one.msg && one.code === 'node.config_invalid'),
    );
  });

  it('refuses a config saved by a newer version', async () => {
    await play({ version: 4 });
    await player.statusIs('n', /newer Redeye/);
  });

  it('hands what a node throws to catch nodes with its code, and goes back to the status before at the next success', async () => {
    let fails = true;
    setup = ({ status }) => {
      status.waiting('for light');
      return {
        async onInput(msg, send) {
          if (fails) throw new AppError('camera.unreachable', 'gate gave no answer', { camera: 'gate' });
          send(msg);
        },
      };
    };
    await play({}, [{ id: 'catch', type: 'catch', z: '', scope: null, uncaught: false, wires: [[]] } as never]);
    player.inject('n', { payload: 1 });
    const caught = await player.next('catch');
    assert.equal(caught.error.code, 'camera.unreachable');
    assert.equal(caught.error.message, 'camera.unreachable: gate gave no answer');
    assert.equal(caught.payload, 1);
    assert.deepEqual(player.status('n'), { fill: 'red', shape: 'ring', text: 'gate gave no answer' });
    fails = false;
    player.inject('n', { payload: 2 });
    assert.equal((await player.next('n')).payload, 2);
    assert.equal((await player.statusIs('n', 'for light')).fill, 'yellow');
  });

  it('treats a plain throw like a rejection, as internal.error', async () => {
    setup = () => ({
      onInput() {
        throw new TypeError('x is not a function');
      },
    });
    await play();
    player.inject('n');
    assert.deepEqual((({ code, message }) => ({ code, message }))(await player.failure('n')), {
      code: 'internal.error',
      message: 'x is not a function',
    });
  });

  it('passes buffers on without a copy', async () => {
    setup = () => ({ onInput: (msg, send) => send([null, { ...msg, payload: TINY_JPEG }]) });
    await play();
    player.inject('n');
    assert.equal((await player.next('n', { port: 1 })).payload, TINY_JPEG);
    assert.deepEqual(player.sent('n', 0), []);
  });

  it('tells the node when it closes, and lets nothing out of a closed one', async () => {
    const closed: boolean[] = [];
    let context: Context | undefined;
    setup = (given) => {
      context = given;
      return { onClose: (removed) => void closed.push(removed) };
    };
    await play();
    assert.equal(context?.signal.aborted, false);
    await player.stop();
    assert.equal(context?.signal.aborted, true);
    assert.equal(closed.length, 1);
    context?.send({ payload: 'late' });
    assert.deepEqual(player.sent('n'), []);
  });

  it('says nothing of a work that its closing interrupted', async () => {
    setup = ({ signal }) => ({
      onInput: () => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    await play();
    player.inject('n');
    await player.nextArrival('n');
    await player.stop();
    assert.deepEqual(player.failures, []);
  });

  it('leaves a node inert where a part of the host is missing', async () => {
    setup = ({ host }) => {
      partOf(host, 'upload');
      return undefined;
    };
    await play();
    assert.equal((await player.statusIs('n', /^upload is not available/)).fill, 'grey');
    player.inject('n');
    await player.nextArrival('n');
    assert.deepEqual(player.failures, []);
  });

  it('lets a node read the config of another', async () => {
    let found: unknown;
    setup = (context) => {
      found = context.configOf('c', 'test-camera' as NodeType);
      assert.equal(context.configOf('c', 'camera'), undefined);
      return undefined;
    };
    await play({}, [{ id: 'c', type: 'test-camera', camera: 'gate' } as never]);
    assert.deepEqual(found, { camera: 'gate' });
  });

  it('takes a field from the message before the config, and names the one that is wrong', async () => {
    const read = inputs(Type.Object({ count: Type.Integer({ minimum: 1 }), label: Type.Optional(Type.String()) }));
    setup = ({ config }) => ({ onInput: (msg, send) => send({ payload: read(msg, config) }) });
    await play({ version: 3, count: 4 });
    player.inject('n', { label: 'x' });
    assert.deepEqual((await player.next('n')).payload, { count: 4, label: 'x' });
    player.inject('n', { count: '9' });
    assert.deepEqual((await player.next('n')).payload, { count: 9 });
    player.inject('n', { count: 0 });
    const failure = await player.failure('n');
    assert.deepEqual([failure.code, failure.message], ['message.invalid', 'msg.count must be >= 1']);
  });

  it('finds the camera of a message before that of the form', () => {
    const context = { host: fake.host, configOf: <C>() => ({ camera: 'gate' }) as C };
    assert.equal(cameraOf(context, { node: 'c' }), 'gate');
    assert.throws(() => cameraOf(context, { message: 'yard', node: 'c' }), { code: 'camera.not_found' });
  });
});

describe('a node on the wrong side', () => {
  it('is inert and says where it would run', async () => {
    await registerTestNode((RED: NodeAPI) => {
      const other = { ...RED, settings: { redeye: { ...new FakeHost().host, side: 'server' } } };
      defineNode(other as unknown as NodeAPI, {
        type: 'frame-upload',
        shape: { schema: Type.Object({}), version: 1 },
        setup: () => assert.fail('must not be set up'),
      });
    }).catch((error: Error) => assert.match(error.message, /already registered/));
    const player = await playFlow([{ id: 'u', type: 'frame-upload', wires: [] }], { host: new FakeHost().host });
    assert.equal((await player.statusIs('u', 'runs on the edge only')).fill, 'grey');
    player.inject('u', { payload: TINY_JPEG });
    await player.nextArrival('u');
    assert.deepEqual(player.failures, []);
    await player.stop();
  });
});
