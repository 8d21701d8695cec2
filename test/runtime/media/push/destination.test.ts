import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AppError } from '../../../../runtime/contracts/errors.ts';
import { presetText, pushArguments } from '../../../../runtime/media/push/arguments.ts';
import { isWhip, type RtmpDestination, readDestination } from '../../../../runtime/media/push/destination.ts';
import { readKeyFile } from '../../../../runtime/media/push/key-file.ts';
import { explainPush, without } from '../../../../runtime/media/push/reason.ts';
import { temporaryFolder } from '../../../support/folders.ts';

const refused = (field: string) => (error: AppError) => error.code === 'push.invalid' && error.details.field === field;

/** One by RTMP. */
function rtmp(url: string, key?: string): RtmpDestination {
  const destination = readDestination(url, key);
  return isWhip(destination) ? assert.fail('it is WHIP') : destination;
}

describe('the destination of a push', () => {
  it('is taken apart with its key given beside it or as the last part of the address', () => {
    const beside = readDestination('rtmps://a.rtmps.youtube.com/live2', 'abcd-efgh');
    assert.deepEqual(beside, {
      scheme: 'rtmps',
      host: 'a.rtmps.youtube.com',
      port: 443,
      app: 'live2',
      playpath: 'abcd-efgh',
      shown: 'rtmps://a.rtmps.youtube.com/live2',
      secrets: ['abcd-efgh'],
    });
    const { app, playpath, port, shown } = rtmp('rtmp://live.example:1936/app/inst/KEY?sig=a/b&x=1');
    assert.deepEqual([app, playpath, port], ['app/inst', 'KEY?sig=a/b&x=1', 1936]);
    assert.ok(!shown.includes('KEY') && !shown.includes('sig'));
  });

  it('keeps a query of the app where services put one, and does not show it', () => {
    const { app, playpath, shown } = rtmp('rtmp://b.rtmp.youtube.com/live2?backup=1', 'k3y');
    assert.deepEqual([app, playpath, shown], ['live2?backup=1', 'k3y', 'rtmp://b.rtmp.youtube.com/live2']);
  });

  it('is refused when it is no RTMP, has no key, or carries what ffmpeg would read as something else', () => {
    for (const url of [
      'file:///etc/passwd',
      'http://h/app/k',
      '-i',
      'rtmp',
      'concat:a|b',
      'rtmp://h\n/app/k',
      'rtmp://-x/app/k',
    ])
      assert.throws(() => readDestination(url), refused('url'), url);
    assert.throws(() => readDestination('rtmp://h/app', 'a\nrtmp_flashver=x'), refused('key'));
    assert.throws(() => readDestination('rtmp://user:pass@h/app', 'k'), refused('url'));
    assert.throws(() => readDestination('rtmp://h/app'), refused('key'));
    assert.throws(() => readDestination('rtmp://h', 'k'), refused('url'));
    assert.throws(() => readDestination('rtmp://h/app', 'k'.repeat(1000)), refused('key'));
  });

  it('is WHIP with the key as Bearer token, or in its address, which is not shown then', () => {
    const livekit = readDestination('whips://live.example/w', 'k3y');
    assert.deepEqual(livekit, {
      scheme: 'whips',
      host: 'live.example',
      port: 443,
      endpoint: 'https://live.example:443/w',
      bearer: 'k3y',
      shown: 'whips://live.example/w',
      secrets: ['k3y'],
    });
    const plain = readDestination('whip://h:8080/w/S3CRET?jwt=T0KEN');
    assert.equal(isWhip(plain) && plain.endpoint, 'http://h:8080/w/S3CRET?jwt=T0KEN');
    assert.equal(plain.shown, 'whip://h:8080/w');
    assert.deepEqual(plain.secrets, ['S3CRET', 'jwt=T0KEN']);
    assert.throws(() => readDestination('whip://h/w', 'a\u00e4b'), refused('key'));
    assert.throws(() => readDestination('whip://user:pass@h/w', 'k'), refused('url'));
    assert.throws(() => readDestination('http://h/w', 'k'), refused('url'));
  });

  it('shows among the arguments with host and port only; app and key are in the preset', () => {
    const destination = rtmp('rtmps://h.example/secret-app/s3cr3t');
    const args = pushArguments({ destination, presetFile: '/run/x.ffpreset', caFile: '/ca.pem' });
    assert.doesNotMatch(args.join(' '), /secret-app|s3cr3t/);
    assert.equal(args.at(-1), 'rtmps://h.example:443/');
    assert.equal(presetText(destination), 'rtmp_app=secret-app\nrtmp_playpath=s3cr3t\n');
    assert.ok(args.join(' ').includes('-tls_verify 1 -ca_file /ca.pem'));
    assert.ok(!args.includes('-re'), 'it is live already');
    assert.deepEqual(args.slice(args.indexOf('-c'), args.indexOf('-c') + 2), ['-c', 'copy']);
  });

  it('comes out of a file that a shell could source', async () => {
    const file = join(await temporaryFolder('key'), 'ingress_key.txt');
    await writeFile(
      file,
      '# made by init\nexport RTMP_URL="rtmp://h:1935/x"\r\nSTREAM_KEY=\'a $b\'\nROOM=plastination\n',
    );
    assert.deepEqual(await readKeyFile(file), { url: 'rtmp://h:1935/x', key: 'a $b' });
    await writeFile(file, 'RTMP_URL=rtmp://h/x # the server\nSTREAM_KEY=$(touch /tmp/never)\n');
    assert.deepEqual(await readKeyFile(file), { url: 'rtmp://h/x', key: '$(touch /tmp/never)' });
    await writeFile(file, 'nothing of use\n');
    await assert.rejects(readKeyFile(file), (error: AppError) => error.code === 'push.key_file');
    await assert.rejects(readKeyFile(`${file}.not`), (error: AppError) => /is not there/.test(error.message));
  });

  it('keeps its key out of what ffmpeg says', () => {
    const said = 'rtmp://h/live/s3cr3t?x=1: Unknown error, s3cr3t%3Fx%3D1';
    assert.doesNotMatch(explainPush(said, ['s3cr3t?x=1']), /s3cr3t/);
    assert.equal(without('key ab', ['ab']), 'key ab', 'what is too short to be a key is no secret');
  });
});
