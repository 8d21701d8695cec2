import { lengthPrefixed } from '../stream/length-prefixed.ts';
import { NAL } from '../stream/nal.ts';

/** They say nothing that RTP does not say (RFC 6184 §5.2, §1.3), and each would be a packet of its own. */
const SAYS_NOTHING: ReadonlySet<number> = new Set([NAL.delimiter, NAL.filler]);
/** By the unit's own bytes, which all viewers share: it goes when they do. */
const made = new WeakMap<Buffer, Buffer>();

/**
 * An access unit as the engine's packetizer gets it, each NAL unit behind its length; made once however many watch. With start codes
 * the packetizer looks for them byte by byte, for every viewer anew: that was a quarter of all CPU with ten viewers and more.
 */
export function packetizerUnit(annexB: Buffer): Buffer {
  const known = made.get(annexB);
  if (known) return known;
  const unit = Buffer.concat(lengthPrefixed(annexB, SAYS_NOTHING));
  made.set(annexB, unit);
  return unit;
}
