import assert from 'node:assert/strict';
import { AppError } from '../../../../runtime/contracts/errors.ts';
import { candidatesOf, chooseH264, readOffer } from '../../../../runtime/media/whep/offer.ts';

const FINGERPRINT = `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`;
const HEAD = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0 1'];
const ICE = ['a=ice-ufrag:abcd', 'a=ice-pwd:abcdefghijklmnopqrstuvwx', FINGERPRINT, 'a=setup:actpass'];

/** A video section that offers these, as `payload type: [codec, fmtp]`. */
function offer(codecs: Record<number, [string, string?]>, more: string[] = []): string {
  const lines = Object.entries(codecs).flatMap(([type, [codec, fmtp]]) => [
    `a=rtpmap:${type} ${codec}`,
    ...(fmtp === undefined ? [] : [`a=fmtp:${type} ${fmtp}`]),
  ]);
  const video = [`m=video 9 UDP/TLS/RTP/SAVPF ${Object.keys(codecs).join(' ')}`, 'a=mid:1', 'a=recvonly'];
  return [...HEAD, ...video, ...ICE, ...lines, ...more, ''].join('\r\n');
}

const H264 = 'H264/90000';
const CASES: [string, Record<number, [string, string?]>, number | undefined][] = [
  [
    'constrained baseline before baseline',
    {
      96: [H264, 'packetization-mode=1;profile-level-id=42001f'],
      97: [H264, 'packetization-mode=1;profile-level-id=42e01f'],
    },
    97,
  ],
  [
    'mode 1 only',
    {
      96: [H264, 'packetization-mode=0;profile-level-id=42e01f'],
      97: [H264, 'profile-level-id=42e01f;packetization-mode=1'],
    },
    97,
  ],
  ['no mode is mode 0', { 96: [H264, 'profile-level-id=42e01f'] }, undefined],
  [
    'baseline before main before high',
    {
      96: [H264, 'packetization-mode=1;profile-level-id=640c1f'],
      97: [H264, 'packetization-mode=1;profile-level-id=4d001f'],
      98: [H264, 'packetization-mode=1;profile-level-id=42001f'],
    },
    98,
  ],
  [
    'high when there is nothing else',
    { 96: ['VP8/90000'], 97: [H264, 'packetization-mode=1;profile-level-id=64001f'] },
    97,
  ],
  ['upper case, spaces and no profile', { 96: ['h264/90000', 'level-asymmetry-allowed=1; packetization-mode=1'] }, 96],
  [
    'upper case of the profile',
    {
      96: [H264, 'packetization-mode=1;profile-level-id=4D001F'],
      97: [H264, 'packetization-mode=1;profile-level-id=42E01F'],
    },
    97,
  ],
  [
    'the first of equals',
    {
      102: [H264, 'packetization-mode=1;profile-level-id=42e01f'],
      103: [H264, 'packetization-mode=1;profile-level-id=42e034'],
    },
    102,
  ],
  ['no H.264', { 96: ['VP8/90000'], 97: ['rtx/90000', 'apt=96'], 98: ['AV1/90000'] }, undefined],
  ['another clock', { 96: ['H264/8000', 'packetization-mode=1'] }, undefined],
];

describe('an offer', () => {
  for (const [name, codecs, wanted] of CASES) {
    it(`chooses H.264: ${name}`, () => {
      const [video] = readOffer(offer(codecs)).media;
      assert.equal(video && chooseH264(video)?.payloadType, wanted);
    });
  }

  it('is read with its ICE part, also where that stands above the sections', () => {
    const { ice } = readOffer([...HEAD, ...ICE, 'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=mid:0', ''].join('\n'));
    assert.deepEqual([ice.ufrag, ice.setup, ice.fingerprint.algorithm], ['abcd', 'actpass', 'sha-256']);
  });

  it('wants to receive unless it says otherwise', () => {
    const wants = (direction: string) =>
      readOffer(offer({ 96: [H264] }).replace('a=recvonly', direction)).media[0]?.receives;
    assert.deepEqual(['a=recvonly', 'a=sendrecv', 'a=x', 'a=sendonly', 'a=inactive'].map(wants), [
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  it('gives only candidates that need no look-up and no TCP', () => {
    const usable = 'candidate:1 1 udp 2113937151 192.0.2.1 50000 typ host generation 0';
    const six = 'candidate:2 1 UDP 2113937151 2001:db8::1 50000 typ srflx raddr 10.0.0.1 rport 9';
    assert.deepEqual(
      candidatesOf([
        usable,
        usable,
        six,
        'candidate:3 1 udp 2113937151 b1c2.local 50000 typ host',
        'candidate:4 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active',
        'candidate:5 2 udp 2113937151 192.0.2.1 50000 typ host',
        'candidate:6 1 udp 2113937151 999.0.2.1 50000 typ host',
        'candidate:7 1 udp 2113937151 192.0.2.1 70000 typ host',
        'candidate:8 1 udp 99999999999 192.0.2.1 50000 typ host',
        'end-of-candidates',
      ]),
      [
        'candidate:1 1 udp 2113937151 192.0.2.1 50000 typ host',
        'candidate:2 1 UDP 2113937151 2001:db8::1 50000 typ srflx',
      ],
    );
  });

  it('is refused when it cannot be used', () => {
    const good = offer({ 96: [H264, 'packetization-mode=1'] });
    const bad = [
      '',
      'hello',
      '{"sdp":"v=0"}',
      good.replace('v=0', 'v=1'),
      good.replace(/m=video/g, 'm=audio'),
      good.replace('a=ice-ufrag:abcd\r\n', ''),
      good.replace('a=ice-ufrag:abcd', 'a=ice-ufrag:a b'),
      good.replace(/a=ice-pwd:.*\r\n/, 'a=ice-pwd:short\r\n'),
      good.replace('sha-256', 'md5'),
      good.replace('AB:AB', 'AB'),
      good.replace('a=setup:actpass', 'a=setup:holdconn'),
      good.replace('m=video 9', 'm=video x'),
      good.replace('a=mid:1', 'a=mid:1 2'),
      `${good}${'m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n'.repeat(20)}`,
    ];
    for (const text of bad) {
      assert.throws(
        () => readOffer(text),
        (error) => error instanceof AppError && error.code === 'offer.invalid',
        text.slice(0, 60),
      );
    }
  });

  it('never fails in another way, whatever stands in it', () => {
    const good = offer({ 96: [H264, 'packetization-mode=1'] }, ['a=candidate:1 1 udp 1 192.0.2.1 5 typ host']);
    let seed = 7;
    const random = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed / 2 ** 31;
    };
    for (let n = 0; n < 3000; n += 1) {
      const at = Math.floor(random() * good.length);
      const text =
        good.slice(0, at) + String.fromCharCode(Math.floor(random() * 256)) + good.slice(at + Math.floor(random() * 5));
      try {
        readOffer(text).media.map(chooseH264);
      } catch (error) {
        assert.ok(error instanceof AppError && error.code === 'offer.invalid', String(error));
      }
    }
  });
});
