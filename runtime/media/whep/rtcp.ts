/** What a player reports about the stream it receives (RFC 3550 §6.4.1), times in its 90 kHz units turned into ms. */
export interface ReceiverReport {
  /** share of the packets lost since its last report, 0…1 */
  lossShare: number;
  /** packets lost since the beginning */
  lost: number;
  jitterMs: number;
  /** the highest packet number that arrived, with how often it went round in the upper 16 bits */
  highest: number;
}

export interface Feedback {
  report: ReceiverReport | undefined;
  /** it cannot decode on: PLI (RFC 4585 §6.3.1) or FIR (RFC 5104 §4.3.1) */
  wantsKey: boolean;
}

const RECEIVER_REPORT = 201;
const SENDER_REPORT = 200;
const PAYLOAD_FEEDBACK = 206;

/** Reads a compound RTCP packet as far as it can be read; what concerns other streams than `ssrc` is left out. */
export function readRtcp(packet: Buffer, ssrc: number): Feedback {
  const feedback: Feedback = { report: undefined, wantsKey: false };
  for (let at = 0; at + 8 <= packet.length; ) {
    const first = packet.readUInt8(at);
    const type = packet.readUInt8(at + 1);
    const end = at + 4 + packet.readUInt16BE(at + 2) * 4;
    if (first >> 6 !== 2 || end > packet.length) break;
    const count = first & 31;
    if (type === RECEIVER_REPORT || type === SENDER_REPORT) {
      const blocks = at + (type === SENDER_REPORT ? 28 : 8);
      feedback.report = reportOf(packet, blocks, end, count, ssrc) ?? feedback.report;
    }
    if (type === PAYLOAD_FEEDBACK && count === 1)
      feedback.wantsKey ||= end >= at + 12 && packet.readUInt32BE(at + 8) === ssrc;
    // FIR names the stream in its own entries, its header none.
    if (type === PAYLOAD_FEEDBACK && count === 4)
      feedback.wantsKey ||= end >= at + 20 && packet.readUInt32BE(at + 12) === ssrc;
    at = end;
  }
  return feedback;
}

function reportOf(packet: Buffer, from: number, end: number, count: number, ssrc: number): ReceiverReport | undefined {
  for (let at = from, left = count; left > 0 && at + 24 <= end; at += 24, left -= 1) {
    if (packet.readUInt32BE(at) !== ssrc) continue;
    return {
      lossShare: packet.readUInt8(at + 4) / 256,
      lost: packet.readIntBE(at + 5, 3),
      jitterMs: packet.readUInt32BE(at + 12) / 90,
      highest: packet.readUInt32BE(at + 8),
    };
  }
  return undefined;
}
