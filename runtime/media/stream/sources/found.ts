import { toAppError } from '../../../contracts/errors.ts';
import { RestartPause } from '../../restart-pause.ts';
import type { SourceParts } from '../process-source.ts';
import type { SourceSink, StreamSource } from '../stream-source.ts';

/** A source that has to be looked for at each start (`auto`), until one is found. */
export class FoundSource implements StreamSource {
  readonly #find: () => Promise<StreamSource>;
  readonly #parts: SourceParts;
  readonly #pause: RestartPause;
  #search = 0;
  #isOn = false;
  #source: StreamSource | undefined;
  #searching: Promise<void> = Promise.resolve();
  #cancelPause = () => {};

  constructor(find: () => Promise<StreamSource>, parts: SourceParts) {
    this.#find = find;
    this.#parts = parts;
    this.#pause = new RestartPause(parts.random);
  }

  get note(): string | undefined {
    return this.#source?.note;
  }

  start(sink: SourceSink): void {
    if (this.#isOn) return;
    this.#isOn = true;
    this.#look(sink);
  }

  async stop(): Promise<void> {
    this.#isOn = false;
    this.#search += 1;
    this.#cancelPause();
    await this.#searching;
    await this.#source?.stop();
    this.#source = undefined;
  }

  #look(sink: SourceSink): void {
    this.#search += 1;
    const search = this.#search;
    this.#searching = this.#find().then(
      (source) => {
        if (this.#search !== search) return;
        this.#source = source;
        source.start(sink);
      },
      (thrown) => {
        if (this.#search !== search) return;
        this.#cancelPause = this.#parts.clock.after(this.#pause.next(), () => this.#look(sink));
        sink.onLost(toAppError(thrown).message);
      },
    );
  }
}
