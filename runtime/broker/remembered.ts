/** All of it together; what is over it is said once and not again. Pictures of events are the large ones. */
const MOST_BYTES = 32 * 1024 * 1024;

/** What the server has said for keeps, so that it can say it to a broker that forgot it. */
export class Remembered {
  readonly #messages = new Map<string, Buffer>();
  #bytes = 0;

  /** Takes note before it is said: whether it arrives is not known then. */
  keep(topic: string, payload: Buffer): void {
    this.#drop(topic);
    if (this.#bytes + payload.length > MOST_BYTES) return;
    this.#messages.set(topic, payload);
    this.#bytes += payload.length;
  }

  /** The broker has it. One that took a message back is done with. */
  said(topic: string, payload: Buffer): void {
    if (payload.length === 0 && this.#messages.get(topic) === payload) this.#drop(topic);
  }

  all(): [topic: string, payload: Buffer][] {
    return [...this.#messages];
  }

  #drop(topic: string): void {
    this.#bytes -= this.#messages.get(topic)?.length ?? 0;
    this.#messages.delete(topic);
  }
}
