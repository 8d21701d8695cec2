import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../runtime/contracts/errors.ts';
import { readSettings } from '../settings.ts';
import { temporaryFolder } from './support/folders.ts';

function refusal(env: NodeJS.ProcessEnv): string {
  try {
    readSettings(env);
  } catch (error) {
    assert.ok(error instanceof AppError && error.code === 'setting.invalid', String(error));
    return error.message;
  }
  return assert.fail('was taken');
}

describe('settings of the server', () => {
  it('have the defaults of the contract, frozen, with absolute folders', () => {
    const settings = readSettings({}, '/srv/redeye');
    assert.equal(settings.PORT, 1880);
    assert.equal(settings.HOST, '127.0.0.1');
    assert.equal(settings.DATA_DIR, '/srv/redeye/data');
    assert.equal(settings.FLOWS_DIR, '/srv/redeye/data/flows');
    assert.equal(settings.SITE, 'home');
    assert.throws(() => Object.assign(settings, { PORT: 1 }), TypeError);
  });

  it('read numbers, switches and lists from text', () => {
    const settings = readSettings({
      PORT: '8080',
      TRUST_LAN: '1',
      EDITOR: 'off',
      OPEN_PATHS: '/a, /b/*,',
      HOST: '0.0.0.0',
    });
    assert.deepEqual([settings.PORT, settings.TRUST_LAN, settings.EDITOR], [8080, true, false]);
    assert.deepEqual(settings.OPEN_PATHS, ['/a', '/b/*']);
  });

  it('of seed 002 work: PYTHON_CAMERA_URL names the camera that dialects mean, SERVICE_TIMEOUT is 30 s', () => {
    const of = (env: NodeJS.ProcessEnv) => readSettings(env).DIALECT_CAMERA;
    const PYTHON_CAMERA_URL = 'http://localhost:8001';
    assert.deepEqual([of({}), of({ PYTHON_CAMERA_URL })], [undefined, 'camera-service']);
    assert.equal(of({ PYTHON_CAMERA_URL, DIALECT_CAMERA: 'bench' }), 'bench');
    assert.deepEqual(
      [readSettings({}).SERVICE_TIMEOUT, readSettings({ SERVICE_TIMEOUT: '5000' }).SERVICE_TIMEOUT],
      [30_000, 5000],
    );
    assert.match(refusal({ PYTHON_CAMERA_URL: 'localhost:8001' }), /^PYTHON_CAMERA_URL: its value must match/);
    assert.match(refusal({ SERVICE_TIMEOUT: 'long' }), /^SERVICE_TIMEOUT/);
  });

  it('do not mistake the text editor of the shell for the flow editor', () => {
    assert.equal(readSettings({ EDITOR: 'vi' }).EDITOR, true);
    assert.equal(readSettings({ EDITOR: 'Off' }).EDITOR, false);
  });

  it('take a secret from a file, and say which file cannot be read', async () => {
    const file = join(await temporaryFolder(), 'password');
    await writeFile(file, 'correct horse battery\n');
    assert.equal(readSettings({ ADMIN_PASSWORD_FILE: file }).ADMIN_PASSWORD, 'correct horse battery');
    assert.match(refusal({ ADMIN_PASSWORD_FILE: `${file}.gone` }), /ADMIN_PASSWORD_FILE.*cannot be read/);
  });

  it('stop the start with the name, the value and what is allowed', () => {
    assert.match(refusal({ PORT: '70000' }), /^PORT: "70000" must be <= 65535/);
    assert.match(refusal({ PORT: 'http' }), /^PORT: "http" must be integer/);
    assert.match(refusal({ LOG_LEVEL: 'loud' }), /^LOG_LEVEL: "loud" must be one of debug, info, warn, error, silent/);
    assert.match(refusal({ SITE: 'a/b' }), /^SITE: "a\/b" must match/);
    assert.match(refusal({ TRUST_LAN: 'maybe' }), /^TRUST_LAN: "maybe" must be boolean/);
  });

  it('never print a secret value', () => {
    assert.match(refusal({ ADMIN_PASSWORD: 'short-pw' }), /^ADMIN_PASSWORD: its value/);
    assert.ok(!refusal({ DATABASE_URL: 'mysql://root:hunter2@db/x' }).includes('hunter2'));
  });

  it('do not open the network without TLS or a clear word', () => {
    assert.match(refusal({ HOST: '0.0.0.0' }), /TLS_CERT and TLS_KEY, or TRUST_LAN=1/);
    assert.match(refusal({ TLS_CERT: '/c.pem' }), /^TLS_KEY: .*go together/);
    assert.match(refusal({ MQTTS_PORT: '8883' }), /^MQTTS_PORT: TLS needs TLS_CERT and TLS_KEY/);
    assert.equal(readSettings({ HOST: '::1' }).HOST, '::1');
    assert.equal(readSettings({ HOST: '192.168.1.4', TLS_CERT: '/c.pem', TLS_KEY: '/k.pem' }).HOST, '192.168.1.4');
  });

  it('are refused by name where a wrong one would stop the start in other words, or never match anything', () => {
    for (const [name, value] of [
      ['PUBLIC_URL', 'http://['],
      ['PUBLIC_URL', 'https://redeye.example/?x'],
      ['TRUST_PROXY', '0'],
      ['TRUST_PROXY', '1,2'],
      ['TRUST_PROXY', 'loopback, proxy.example'],
      ['TRUST_PROXY', '10.0.0.0/33'],
      ['CORS_ORIGINS', 'https://shop.example,shop.example'],
      ['CORS_ORIGINS', 'https://shop.example/'],
      ['CORS_ORIGINS', '*'],
      ['ICE_SERVERS', 'stun.example:3478'],
      ['TURN_URLS', 'turn.example'],
      ['WEBRTC_HOSTS', 'my router'],
      ['OPEN_PATHS', 'hook'],
      ['MQTT_URL', 'broker.example'],
      ['MQTT_PUBLIC_URL', 'broker.example'],
    ] as const)
      assert.ok(refusal({ [name]: value }).startsWith(`${name}: `), `${name}=${value}`);
    const taken = readSettings({
      TRUST_PROXY: 'loopback, 10.0.0.0/8,fd00::/8',
      ICE_SERVERS: 'stun:a:1,turns:u:p@b?transport=tcp',
    });
    assert.equal(taken.ICE_SERVERS.length, 2);
    assert.equal(readSettings({ TRUST_PROXY: '1' }).TRUST_PROXY, '1');
  });

  it('are named as they were given, by an older name too, and those with a password in them are not shown', () => {
    assert.match(refusal({ LIVEKIT_HOST: 'live.example' }), /^LIVEKIT_HOST \(LIVEKIT_URL\): "live.example" must match/);
    assert.match(refusal({ LIVEKIT_ICE_SERVERS: 'u:geheim@host' }), /^LIVEKIT_ICE_SERVERS \(ICE_SERVERS\): its value/);
    for (const value of ['http://u:geheim@broker', 'mqtt://u:1#geheim@broker', 'mqtt://u:geheim@'])
      assert.ok(!refusal({ MQTT_URL: value }).includes('geheim'), value);
    assert.ok(!refusal({ MQTT_PUBLIC_URL: 'mqtt://u:geheim@broker' }).includes('geheim'));
  });
});
