import { toAppError } from '../../runtime/contracts/errors.ts';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import type { Part } from '../../runtime/lib/part.ts';
import type { CapturesView, PictureFromChild, ToChild } from '../ipc.ts';
import { Outbox } from '../outbox/outbox.ts';
import type { CommandHandler } from './commands.ts';
import { picturePost } from './picture-post.ts';
import { PictureUpload } from './picture-upload.ts';
import type { CallServer } from './server-http.ts';

/** An answer over MQTT holds so many pictures of each kind. */
const MOST_LISTED = 100;

/**
 * What this device captures by its own API, on its way to the server: kept and tried again by the agent, whatever becomes of the flows that
 * asked for it.
 */
export class OwnCaptures implements Part {
  readonly #outbox: Outbox;
  readonly #upload: PictureUpload;
  readonly #toChild: (message: ToChild) => void;

  constructor(options: {
    folder: string;
    maxBytes: number;
    call: CallServer;
    clock: Clock;
    log: Log;
    toChild: (message: ToChild) => void;
    onChange: (view: CapturesView) => void;
  }) {
    const { folder, maxBytes, call, clock, log } = options;
    this.#toChild = options.toChild;
    this.#outbox = new Outbox({ folder, maxBytes, log });
    const post = picturePost({ call, now: () => clock.now() });
    const onChange = () => options.onChange(this.view());
    this.#upload = new PictureUpload({ outbox: this.#outbox, post, clock, log, onChange });
    this.#outbox.watch(onChange);
  }

  async start(): Promise<void> {
    await this.#outbox.start();
    await this.#upload.start();
  }

  async stop(): Promise<void> {
    await this.#upload.stop();
    await this.#outbox.stop();
  }

  /** The server was heard of. */
  hurry(): void {
    this.#upload.hurry();
  }

  /** How they stand, for the device's page. */
  view(): CapturesView {
    return { ...this.#outbox.counts(), ...this.#upload.status() };
  }

  /** The same for the heartbeat. */
  health(): { captures_waiting: number; captures_dead: number; captures_dropped: number } {
    const { waiting, dead, dropped } = this.#outbox.counts();
    return { captures_waiting: waiting, captures_dead: dead, captures_dropped: dropped };
  }

  /** A picture from the child: answered when the server has it, or it is safe here. */
  hear({ id, picture }: PictureFromChild): void {
    this.#upload.bring(id, picture).then(
      (delivery) => this.#toChild({ type: 'picture-answer', id, delivery }),
      (thrown: unknown) => {
        const { code, message } = toAppError(thrown);
        this.#toChild({ type: 'picture-refusal', id, code, message });
      },
    );
  }

  /** Command `captures`: what waits and what was given up; has the dead tried again, or deletes them. */
  readonly command: CommandHandler = async ({ dead: wish, images }) => {
    const ids = images as string[] | undefined;
    const retried = wish === 'retry' ? await this.#outbox.revive(ids) : 0;
    const deleted = wish === 'delete' ? await this.#outbox.deleteDead(ids) : 0;
    if (retried > 0) this.#upload.hurry();
    return {
      retried,
      deleted,
      ...this.view(),
      waiting_images: this.#outbox
        .waiting()
        .slice(0, MOST_LISTED)
        .map(({ id, step }) => ({ image: id, retries: step })),
      dead_images: this.#outbox
        .dead()
        .slice(0, MOST_LISTED)
        .map(({ id, why }) => ({ image: id, why })),
    };
  };
}
