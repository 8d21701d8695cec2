const SYNC = 0xfff1;
const HEADER_BYTES = 7;

/**
 * An AAC frame with the header that lets it stand alone (ISO 13818-7 §6.2). `config` is the AudioSpecificConfig; undefined for what ADTS
 * cannot say: object types beyond AAC LTP, rates out of the table, more than seven channels.
 */
export function toAdts(frame: Buffer, config: Buffer): Buffer | undefined {
  if (config.length < 2) return undefined;
  const bits = config.readUInt16BE(0);
  const [type, rate, channels] = [bits >> 11, (bits >> 7) & 15, (bits >> 3) & 15];
  const size = frame.length + HEADER_BYTES;
  if (type < 1 || type > 4 || rate > 12 || channels < 1 || channels > 7 || size > 8191) return undefined;
  const adts = Buffer.alloc(size);
  adts.writeUInt16BE(SYNC, 0);
  adts.writeUInt32BE((((type - 1) << 30) | (rate << 26) | (channels << 22) | (size << 5) | 31) >>> 0, 2);
  adts.writeUInt8(0xfc, 6);
  frame.copy(adts, HEADER_BYTES);
  return adts;
}
