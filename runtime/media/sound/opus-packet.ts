/** Opus always counts in these (RFC 7587 §4.1). */
export const OPUS_RATE = 48_000;

/** Samples (48 kHz) that an Opus packet lasts, by its first bytes (RFC 6716 §3.1); 0 for what is none. */
export function opusSamples(packet: Buffer): number {
  const [toc = 0, second = 0] = packet;
  if (packet.length === 0) return 0;
  const config = toc >> 3;
  const count = (toc & 3) === 0 ? 1 : (toc & 3) === 3 ? second & 63 : 2;
  return count * frameSamples(config);
}

function frameSamples(config: number): number {
  // SILK 10, 20, 40, 60 ms; hybrid 10, 20 ms; CELT 2.5, 5, 10, 20 ms.
  if (config < 12) return [480, 960, 1920, 2880][config & 3] ?? 0;
  if (config < 16) return [480, 960][config & 1] ?? 0;
  return [120, 240, 480, 960][config & 3] ?? 0;
}
