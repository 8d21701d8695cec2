import { spawn } from 'node:child_process';
import { once } from 'node:events';

const RATE = 48_000;
const PACKET = 960;
/** The decoder takes a moment to come in. */
const SKIPPED = 4800;

/** Hz of a tone in Opus packets of 20 ms: ffmpeg decodes them, and the crossings of zero are counted. */
export async function toneOf(packets: readonly Buffer[]): Promise<number> {
  const decoder = spawn('ffmpeg', ['-v', 'error', '-f', 'ogg', '-i', 'pipe:0', '-f', 's16le', '-ac', '1', 'pipe:1'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const chunks: Buffer[] = [];
  decoder.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  decoder.stdin.end(oggOf(packets));
  await once(decoder, 'close');
  const bytes = Buffer.concat(chunks);
  const samples = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1).slice(SKIPPED);
  const crossings = samples.filter((sample, at) => sample >= 0 && (samples[at - 1] ?? 0) < 0).length;
  return (crossings * RATE) / samples.length;
}

/** Opus in Ogg (RFC 7845), a packet a page. */
function oggOf(packets: readonly Buffer[]): Buffer {
  const head = Buffer.from('OpusHead\x01\x01\0\0\0\0\0\0\0\0\0', 'latin1');
  head.writeUInt32LE(RATE, 12);
  const tags = Buffer.from('OpusTags\0\0\0\0\0\0\0\0', 'latin1');
  const pages = [head, tags, ...packets].map((packet, at) => {
    const lengths = [...Array.from({ length: Math.floor(packet.length / 255) }, () => 255), packet.length % 255];
    const page = Buffer.alloc(27);
    page.write('OggS');
    page[5] = at === 0 ? 2 : 0;
    page.writeBigInt64LE(BigInt(Math.max(0, at - 1) * PACKET), 6);
    page.writeUInt32LE(1, 14);
    page.writeUInt32LE(at, 18);
    page[26] = lengths.length;
    const whole = Buffer.concat([page, Buffer.from(lengths), packet]);
    whole.writeUInt32LE(checksum(whole), 22);
    return whole;
  });
  return Buffer.concat(pages);
}

/** CRC-32 as Ogg has it (RFC 3533 §6): polynomial 04c11db7, nothing reflected, from zero. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte << 24;
    for (let bit = 0; bit < 8; bit += 1) sum = sum & 0x8000_0000 ? (sum << 1) ^ 0x04c1_1db7 : sum << 1;
  }
  return sum >>> 0;
}
