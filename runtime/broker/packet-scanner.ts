const CONNECT = 1;

/**
 * Follows the packets of an MQTT stream by their fixed headers (MQTT 3.1.1 §2.2: one byte of type, then the remaining length
 * in one to four bytes of seven bits) without keeping any of their bytes.
 */
export class PacketScanner {
  readonly #limits: { maxPacketBytes: number; maxConnectBytes: number };
  #state: 'type' | 'length' | 'body' = 'type';
  #first = true;
  #lengthBytes = 0;
  #remaining = 0;

  constructor(limits: { maxPacketBytes: number; maxConnectBytes: number }) {
    this.#limits = limits;
  }

  /** Goes over the next bytes; answers how many packets began in them, or in words why the connection must be cut. */
  scan(bytes: Buffer): number | string {
    let begun = 0;
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === 'body') {
        const taken = Math.min(this.#remaining, bytes.length - at);
        at += taken;
        this.#remaining -= taken;
        if (this.#remaining === 0) this.#state = 'type';
        continue;
      }
      const byte = bytes[at] ?? 0;
      at += 1;
      const trouble = this.#state === 'type' ? this.#type(byte) : this.#length(byte);
      if (trouble !== undefined) return trouble;
      if (this.#state === 'length' && this.#lengthBytes === 0) begun += 1;
    }
    return begun;
  }

  #type(byte: number): string | undefined {
    if (this.#first && byte >> 4 !== CONNECT) return 'the first packet is no CONNECT';
    this.#state = 'length';
    this.#lengthBytes = 0;
    this.#remaining = 0;
    return undefined;
  }

  #length(byte: number): string | undefined {
    if (this.#lengthBytes === 4) return 'malformed packet length';
    this.#remaining += (byte & 0x7f) * 128 ** this.#lengthBytes;
    this.#lengthBytes += 1;
    if ((byte & 0x80) !== 0) return undefined;
    const limit = this.#first ? this.#limits.maxConnectBytes : this.#limits.maxPacketBytes;
    if (this.#remaining + this.#lengthBytes + 1 > limit) return `packet over ${limit} bytes`;
    this.#first = false;
    this.#state = this.#remaining === 0 ? 'type' : 'body';
    return undefined;
  }
}
