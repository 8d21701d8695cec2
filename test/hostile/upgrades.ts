import { type Attack, encode, type Target } from './attack.ts';
import { hello, packet } from './mqtt.ts';

/** A frame of RFC 6455 §5.2; a client must mask, which `masked: false` does not. */
function frame(content: Buffer, { opcode = 2, masked = true, claimed = content.length } = {}): Buffer {
  const mask = masked ? 0x80 : 0;
  const head = Buffer.alloc(10);
  head.writeUInt8(0x80 | opcode, 0);
  head.writeUInt8(mask | 127, 1);
  head.writeBigUInt64BE(BigInt(claimed), 2);
  return Buffer.concat([head, masked ? Buffer.alloc(4) : Buffer.alloc(0), content]);
}

/** Upgrades that nobody offers, that are wrong, or that are used for something else afterwards. */
export function upgradeAttacks({ host, token, devices, secret }: Target): Attack[] {
  const good = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol': 'mqtt',
  };
  const ask = (target: string, headers: Record<string, string> = {}, method = 'GET') =>
    encode(host, { method, target, headers: { ...good, ...headers } });
  const then = (...frames: Buffer[]) => Buffer.concat([ask('/mqtt'), ...frames]);
  const id = devices[0]?.id ?? '';
  const list: [string, Buffer][] = [
    ...[
      '/',
      '/api/v1/devices',
      '/nowhere',
      '/mqtt/',
      '/MQTT',
      '/mqtt/../x',
      '//[',
      '/%zz',
      '/editor/comm',
      'http://[bad/',
      'http://[::1',
      'http://x:99999/mqtt',
      '*',
    ].map((target): [string, Buffer] => [`to ${target}`, ask(target)]),
    ['from another page', ask('/mqtt', { Origin: 'http://evil.example' })],
    ['from a page without a name', ask('/mqtt', { Origin: 'null' })],
    ['from a broken page', ask('/mqtt', { Origin: 'http://[' })],
    ['version 12', ask('/mqtt', { 'Sec-WebSocket-Version': '12' })],
    ['a key too short', ask('/mqtt', { 'Sec-WebSocket-Key': 'short' })],
    ['extensions without end', ask('/mqtt', { 'Sec-WebSocket-Extensions': 'permessage-deflate; '.repeat(400) })],
    ['protocols without end', ask('/mqtt', { 'Sec-WebSocket-Protocol': 'a,'.repeat(2000) })],
    ['by POST', ask('/mqtt', {}, 'POST')],
    ['to HTTP/2', ask('/api/v1/devices', { Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABkAARAAAAAAAIAAAAA' })],
    ['to TLS', ask('/', { Upgrade: 'TLS/1.3' })],
    [
      'to the editor with a bad token',
      Buffer.concat([
        ask('/editor/comms'),
        frame(Buffer.from(`{"auth":"${secret}"}`), { opcode: 1 }),
        frame(Buffer.alloc(0), { opcode: 8 }),
      ]),
    ],
    [
      'to the editor with a broken word',
      Buffer.concat([
        ask('/editor/comms'),
        frame(Buffer.from('{{{'), { opcode: 1 }),
        frame(Buffer.alloc(0), { opcode: 8 }),
      ]),
    ],
    ['then not masked', then(frame(hello({ id }), { masked: false }))],
    ['then a frame of 16 EB', then(frame(Buffer.alloc(10), { claimed: Number.MAX_SAFE_INTEGER }))],
    ['then a frame of 1 MB', then(frame(Buffer.alloc(1_000_000)))],
    ['then an opcode of nobody', then(frame(Buffer.alloc(1), { opcode: 11 }))],
    ['then broken text', then(frame(Buffer.from([0xff, 0xfe]), { opcode: 1 }))],
    ['then a wrong password', then(frame(hello({ id, user: id, password: secret })))],
    ['then the token of a user', then(frame(hello({ id, user: 'mallory', password: token })))],
    ['then a greeting of 256 MB', then(frame(packet(0x10, Buffer.alloc(9), 268_435_455)))],
    ['then HTTP', then(Buffer.from('GET / HTTP/1.1\r\n\r\n'))],
    ['then nothing', then()],
  ];
  return list.map(([name, bytes]) => ({ name: `upgrade ${name}`, expected: 'harmless', bytes }));
}
