import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readKeyFile } from '../../../runtime/media/push/key-file.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { LivekitStandIn } from '../../support/livekit.ts';

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, '../../../runtime/cli/init-ingress.ts');

describe('npm run init-ingress', function () {
  this.timeout(30_000);
  let livekit: LivekitStandIn;
  let folder: string;

  const init = async (args: string[], change: NodeJS.ProcessEnv = {}) => {
    const { PATH } = process.env;
    const keys = { LIVEKIT_HOST: livekit.url, LIVEKIT_API_KEY: livekit.apiKey, LIVEKIT_API_SECRET: livekit.apiSecret };
    const env = { PATH, ...keys, ...change };
    return run(process.execPath, [SCRIPT, ...args], { env, cwd: folder }).then(
      ({ stdout }) => ({ code: 0, said: stdout }),
      (error: { code: number; stderr: string }) => ({ code: error.code, said: error.stderr }),
    );
  };
  const wish = (...more: string[]) => [
    '--room',
    'plastination',
    '--name',
    'pi-cam',
    '--out',
    'webrtc/ingress_key.txt',
    ...more,
  ];

  beforeEach(async () => {
    livekit = await new LivekitStandIn().start();
    folder = await temporaryFolder('init-ingress');
  });
  afterEach(() => livekit.stop());

  it('writes a file that a shell can source and a push reads, for its owner only, with the same ingress each time', async () => {
    const { code, said } = await init(wish());
    assert.equal(code, 0, said);
    const file = join(folder, 'webrtc/ingress_key.txt');
    const [made] = livekit.ingresses.values();
    assert.doesNotMatch(said, new RegExp(made?.streamKey ?? '?'));
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.deepEqual(await readKeyFile(file), { url: livekit.rtmpBase, key: made?.streamKey });
    const { stdout } = await run('sh', ['-c', `. "${file}"; echo "$RTMP_URL/$STREAM_KEY $LIVEKIT_ROOM"`]);
    assert.equal(stdout, `${livekit.rtmpBase}/${made?.streamKey} plastination\n`);
    await init(wish());
    assert.deepEqual([livekit.ingresses.size, (await readKeyFile(file)).key], [1, made?.streamKey]);
    assert.deepEqual(await readdir(join(folder, 'webrtc')), ['ingress_key.txt'], 'nothing half written is left');
    await init(wish('--whip'));
    assert.deepEqual((await readKeyFile(file)).url, livekit.whipBase.replace('http', 'whip'));
    const [, second] = livekit.ingresses.values();
    assert.deepEqual([second?.enableTranscoding, second?.participantIdentity], [false, 'camera-pi-cam']);
  });

  it('says in words what is missing or refused, and leaves the file as it was', async () => {
    const file = join(folder, 'webrtc/ingress_key.txt');
    const before = "STREAM_KEY='of yesterday'\n";
    await mkdir(join(folder, 'webrtc'));
    await writeFile(file, before);
    for (const [args, env, words] of [
      [['--room', 'plastination'], {}, /^usage: /],
      [wish(), { LIVEKIT_API_SECRET: 'the secret of somebody else, long enough' }, /does not take our key/],
    ] as const) {
      const { code, said } = await init([...args], env);
      assert.deepEqual([code, words.test(said)], [1, true], said);
      assert.doesNotMatch(said, /somebody else/);
    }
    assert.equal(await readFile(file, 'utf8'), before);
  });
});
