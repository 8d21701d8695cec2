import assert from 'node:assert/strict';
import { AppError } from '../../../../runtime/contracts/errors.ts';
import { readIceServers } from '../../../../runtime/media/whep/ice-servers.ts';
import { turnCredentials, turnPassword } from '../../../../runtime/media/whep/turn-credentials.ts';

describe('ICE servers', () => {
  it('have the password of the published test vector (pion/turn, TestLtCredMech)', () => {
    assert.equal(turnPassword('foobar', '1599491771'), 'Tpz/nKkyvX/vMSLKvL4sbtBt8Vs=');
  });

  it('have credentials as coturn takes them', () => {
    // Made apart from our code: printf '%s' 1433895918:ninefingers | openssl dgst -sha1 -hmac north -binary | base64
    assert.deepEqual(turnCredentials('north', 'ninefingers', 1_433_895_918_000), {
      username: '1433895918:ninefingers',
      credential: 'jy8hTxmOO7UtEKXqSkSlvakPVYA=',
    });
  });

  it('are given to each user with credentials of a day, to strangers without', () => {
    const servers = readIceServers({
      servers: [
        'stun:stun.example.net',
        'turns:turn.example.net:5349?transport=tcp',
        'turn:anna:p%40ss@[2001:db8::1]:3478',
      ],
      turnSecret: 'north',
    });
    assert.deepEqual(servers(undefined, 0), [{ url: 'stun:stun.example.net' }]);
    const [, shared, own] = servers('anna', 1000);
    assert.deepEqual(shared?.username, '86401:anna');
    assert.deepEqual(shared.url, 'turns:turn.example.net:5349?transport=tcp');
    assert.deepEqual(own, { url: 'turn:[2001:db8::1]:3478', username: 'anna', credential: 'p@ss' });
  });

  it('are refused at the start when no browser would take them, without telling their password', () => {
    for (const text of [
      'http://x',
      'turn:',
      'turn:turn.example.net',
      'stun:a b',
      'turn:u:hunter2@',
      'turn:u:hunter2@h:1?x=1',
    ]) {
      assert.throws(
        () => readIceServers({ servers: [text] }),
        (error) => error instanceof AppError && error.code === 'setting.invalid' && !error.message.includes('hunter2'),
        text,
      );
    }
  });
});
