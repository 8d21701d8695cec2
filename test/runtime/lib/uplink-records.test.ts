import assert from 'node:assert/strict';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { StreamFormat } from '../../../runtime/contracts/streams.ts';
import {
  decodeRecord,
  encodeAlive,
  encodeAudio,
  encodeFormat,
  encodeGap,
  encodeUnit,
} from '../../../runtime/lib/uplink-records.ts';
import { Random } from '../../hostile/random.ts';

const VIDEO: StreamFormat['video'] = {
  codec: 'avc1.42e01f',
  sps: Buffer.from([0x67, 0x42, 0xe0, 0x1f, 1, 2]),
  pps: Buffer.from([0x68, 3, 4]),
  width: 640,
  height: 360,
  hasBFrames: false,
};
const AAC = { codec: 'aac', sampleRate: 48_000, channels: 1, config: Buffer.from([0x11, 0x88]) } as const;
const UNIT = { annexB: Buffer.from([0, 0, 0, 1, 0x65, 9, 9]), isKey: true, dts: 123_456.5, pts: 123_496.5 };

const samples = () => [
  encodeFormat({ video: VIDEO }),
  encodeFormat({ video: VIDEO, audio: AAC }),
  encodeFormat({ video: VIDEO, audio: { codec: 'pcma', sampleRate: 8000, channels: 1 } }),
  encodeUnit(UNIT),
  encodeAudio({ pts: 77, data: Buffer.from([1, 2, 3]) }),
  encodeGap('the camera was unplugged'),
  encodeAlive(),
];

describe('records of a stream on its way to the server', () => {
  it('come out as they went in', () => {
    const { sps, pps } = VIDEO;
    assert.deepEqual(decodeRecord(encodeFormat({ video: VIDEO })), { kind: 'format', sps, pps });
    assert.deepEqual(decodeRecord(encodeFormat({ video: VIDEO, audio: AAC })), {
      kind: 'format',
      sps,
      pps,
      audio: AAC,
    });
    assert.deepEqual(decodeRecord(encodeUnit(UNIT)), { kind: 'unit', ...UNIT });
    const early = { ...UNIT, isKey: false, pts: UNIT.dts - 40 };
    assert.deepEqual(decodeRecord(encodeUnit(early)), { kind: 'unit', ...early });
    const audio = { pts: -3, data: Buffer.from([5]) };
    assert.deepEqual(decodeRecord(encodeAudio(audio)), { kind: 'audio', ...audio });
    assert.deepEqual(decodeRecord(encodeGap('Kamera weg: 5 s')), { kind: 'gap', reason: 'Kamera weg: 5 s' });
    assert.deepEqual(decodeRecord(encodeAlive()), { kind: 'alive' });
  });

  it('are refused when they are cut anywhere before the pictures and sounds themselves', () => {
    for (const record of samples()) {
      const { kind } = decodeRecord(record);
      const least = { format: record.length, unit: 16, audio: 11, gap: 2, alive: 2 }[kind];
      for (let length = 0; length < least; length += 1) {
        assert.throws(
          () => decodeRecord(record.subarray(0, length)),
          { code: 'uplink.malformed' },
          `${kind} ${length}`,
        );
      }
    }
  });

  it('are refused when they lie about their lengths, times, sound, version or kind', () => {
    const lies: [string, Buffer, number, number[]][] = [
      ['another version', encodeAlive(), 0, [2]],
      ['a kind that is none', encodeAlive(), 1, [6]],
      ['an SPS longer than all', encodeFormat({ video: VIDEO }), 2, [0xff, 0xff]],
      ['an SPS that is none', encodeFormat({ video: VIDEO }), 4, [0x68]],
      ['a sound that is none', encodeFormat({ video: VIDEO }), 15, [9]],
      ['no rate of sound', encodeFormat({ video: VIDEO, audio: AAC }), 16, [0, 0, 0, 0]],
      ['300 channels and more', encodeFormat({ video: VIDEO, audio: AAC }), 20, [255]],
      ['a time that is no number', encodeUnit(UNIT), 3, [0x7f, 0xf8, 0, 0, 0, 0, 0, 1]],
      ['an endless time', encodeUnit(UNIT), 3, [0x7f, 0xf0, 0, 0, 0, 0, 0, 0]],
      ['a picture shown next week', encodeUnit(UNIT), 11, [0x24, 0, 0, 0]],
      ['an unknown flag', encodeUnit(UNIT), 2, [0x81]],
    ];
    for (const [what, record, at, bytes] of lies) {
      const lie = Buffer.from(record);
      lie.set(bytes, at);
      assert.throws(() => decodeRecord(lie), { code: 'uplink.malformed' }, what);
    }
    assert.throws(() => decodeRecord(Buffer.concat([encodeFormat({ video: VIDEO }), Buffer.from([0])])), /longer/);
    assert.throws(() => decodeRecord(Buffer.concat([encodeAlive(), Buffer.from([0])])), { code: 'uplink.malformed' });
  });

  it('show people one line of a reason, whatever a device put into it', () => {
    const decoded = decodeRecord(encodeGap('away\r\n\u001b[31mredeye: all is well\u202e'));
    assert.deepEqual(decoded, { kind: 'gap', reason: 'away [31mredeye: all is well' });
    assert.deepEqual(decodeRecord(encodeGap('')), { kind: 'gap', reason: 'the camera is away' });
    const long = decodeRecord(encodeGap('ü'.repeat(2000)));
    assert.ok(long.kind === 'gap' && long.reason.length === 300);
  });

  it('never bring the reader down: 100,000 broken ones are read or refused in words', () => {
    const random = new Random(20_261_121);
    const whole = samples();
    let read = 0;
    for (let n = 0; n < 100_000; n += 1) {
      const record = Buffer.from(whole[n % whole.length] ?? []);
      const changes = 1 + random.int(0, 4);
      for (let change = 0; change < changes; change += 1) {
        record[random.int(0, record.length)] = random.int(0, 256);
      }
      const cut = random.next() < 0.3 ? random.int(0, record.length) : record.length;
      try {
        const decoded = decodeRecord(record.subarray(0, cut));
        if ('dts' in decoded) assert.ok(Number.isSafeInteger(Math.round(decoded.dts + decoded.pts)));
        read += 1;
      } catch (error) {
        assert.ok(error instanceof AppError && error.code === 'uplink.malformed', String(error));
      }
    }
    assert.ok(read > 0 && read < 100_000);
  });
});
