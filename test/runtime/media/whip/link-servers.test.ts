import assert from 'node:assert/strict';
import type { IceServer } from '../../../../runtime/contracts/live.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { iceLinks } from '../../../../runtime/lib/live/whep.ts';
import { linkedServers } from '../../../../runtime/media/whip/link-servers.ts';
import { resolveRelays } from '../../../../runtime/media/whip/relays.ts';

const SERVERS: IceServer[] = [
  { url: 'stun:stun.example.net' },
  { url: 'turn:turn.example.net:3478?transport=udp', username: '1:a, b; "c"', credential: 'p\\w=' },
  { url: 'turns:[2001:db8::1]:5349?transport=tcp', username: 'anna', credential: 'x' },
];

describe('the Link header of a WHIP answer', () => {
  it('gives the ICE servers that our own WHEP writes into one, whatever signs their credentials have', () => {
    assert.deepEqual(linkedServers(iceLinks(SERVERS).join(', ')), SERVERS);
  });

  it('is read as the RFC spells it, with other links between, in any order, unquoted, broken over lines', () => {
    const header =
      '<https://example.net/w/1;x>; rel="urn:ietf:params:whip:ext:core:server-sent-events"; events="layers",' +
      '<turn:turn.example.net>; credential-type=password ;username = "u"; REL="Ice-Server next";credential="c" ,,' +
      ' <stun:stun.example.net:3478>;rel=ice-server';
    assert.deepEqual(linkedServers(header), [
      { url: 'turn:turn.example.net', username: 'u', credential: 'c' },
      { url: 'stun:stun.example.net:3478' },
    ]);
  });

  it('gives nothing where there is none, or where it makes no sense, however long', () => {
    const broken = [
      '',
      '<stun:a>',
      'stun:a; rel=ice-server',
      '<stun:a; rel="ice-server"',
      '<http://a>; rel="ice-server"',
      '<turn:u:p@a>; rel="ice-server"',
      '<stun:a b>; rel="ice-server"',
      '<stun:a>; rel="ice-server',
      `<stun:a>${' '.repeat(16_000)}rel=ice-server`,
      `<stun:a>${'; '.repeat(8000)}`,
      `<stun:a>; rel="${'\\'.repeat(16_000)}`,
    ];
    for (const header of broken) assert.deepEqual(linkedServers(header), [], header.slice(0, 40));
    assert.equal(linkedServers(Array.from({ length: 99 }, () => '<stun:a>; rel=ice-server').join(',')).length, 8);
  });
});

describe('relays', () => {
  it('are those that can be used from here, by address; a name that nobody knows costs no more than the limit', async () => {
    const turn = (url: string) => ({ url, username: 'u', credential: 'c' });
    const servers = [
      { url: 'stun:127.0.0.1' },
      { url: 'turn:127.0.0.1' },
      turn('turns:127.0.0.1:5349'),
      turn('turn:127.0.0.1?transport=tcp'),
      turn('turn:nobody.invalid'),
      turn('turn:[::1]:4000'),
      turn('turn:127.0.0.2?transport=udp'),
      turn('turn:127.0.0.3'),
    ];
    const found = await resolveRelays(servers, { clock: systemClock, limitMs: 500 });
    const all = { username: 'u', password: 'c', relayType: 'TurnUdp' };
    assert.deepEqual(found, [
      { hostname: '::1', port: 4000, ...all },
      { hostname: '127.0.0.2', port: 3478, ...all },
    ]);
  });
});
