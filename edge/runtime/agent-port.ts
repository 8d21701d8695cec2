import type { ServedConfig } from '../../runtime/contracts/device-config.ts';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { Still } from '../../runtime/contracts/frame.ts';
import type { Release, UploadStatus } from '../../runtime/contracts/host.ts';
import type {
  AgentView,
  CapturesView,
  FlowLoad,
  LinkView,
  OrderedPush,
  PictureDelivery,
  PictureFromChild,
  ToAgent,
  ToChild,
} from '../ipc.ts';
import { CommandTable } from './commands.ts';

/** The channel to the agent, as `process` has it in a forked child. */
export interface Channel {
  send(message: ToAgent): void;
  onMessage(hear: (message: ToChild) => void): void;
}

export type SwitchMessage = Extract<ToChild, { type: 'switch' }>;
export type UplinkMessage = Extract<ToChild, { type: 'uplink-open' | 'uplink-taken' | 'uplink-close' }>;

const NO_CAPTURES: CapturesView = { waiting: 0, dead: 0, bytes: 0, sent: 0, dropped: 0 };
const NOTHING_YET: UploadStatus = { state: 'idle', frames: 0, bytes: 0, sent: 0, rejected: 0, dropped: 0 };

/** The agent as the child knows it: its view of the outside, kept up to date, and its spool. */
export class AgentPort {
  /** what the agent is asked to have done here */
  readonly commands: CommandTable;
  readonly #channel: Channel;
  readonly #calls = new Map<number, { resolve: (answer: { seq?: number }) => void; reject: (error: Error) => void }>();
  readonly #configWatchers = new Set<(config: ServedConfig) => void>();
  readonly #uploadWatchers = new Set<(status: UploadStatus) => void>();
  readonly #ready: Promise<void>;
  #load: Promise<FlowLoad>;
  readonly #pictures = new Map<
    string,
    { resolve: (delivery: PictureDelivery) => void; reject: (error: Error) => void }
  >();
  #view: AgentView = {
    config: undefined,
    upload: NOTHING_YET,
    link: { mqtt: 'disconnected' },
    captures: NO_CAPTURES,
  };
  #lastCall = 0;

  /** what the agent wants of the streams; set once, before the first message */
  onUplink: (message: UplinkMessage) => void = () => undefined;

  /** what the server wants pushed; set once, before the first message */
  onPushes: (pushes: OrderedPush[]) => void = () => undefined;

  /** other flows are to run in this process; set once, before the first message */
  onSwitch: (message: SwitchMessage) => void = () => undefined;

  constructor(channel: Channel, onStop: () => void) {
    this.#channel = channel;
    this.commands = new CommandTable((message) => channel.send(message));
    const load = Promise.withResolvers<FlowLoad>();
    this.#load = load.promise;
    this.#ready = new Promise((resolve) => {
      channel.onMessage((message) => {
        if (message.type === 'view') {
          this.#see(message);
          resolve();
        } else if (message.type === 'load') load.resolve(message);
        else if (message.type === 'switch') this.onSwitch(message);
        else if (message.type === 'pushes') this.onPushes(message.pushes);
        else if (message.type === 'ping') channel.send({ type: 'pong', n: message.n });
        else if (message.type === 'stop') onStop();
        else if (message.type === 'command' || message.type === 'command-cancel') this.commands.hear(message);
        else if (message.type === 'answer' || message.type === 'refusal') this.#settle(message);
        else if (message.type === 'picture-answer' || message.type === 'picture-refusal') this.#delivered(message);
        else this.onUplink(message);
      });
    });
  }

  /** Resolves when the agent has said for the first time how things are: flows start with the right configuration. */
  ready(): Promise<void> {
    return this.#ready;
  }

  /** What this process is to run. */
  load(): Promise<FlowLoad> {
    return this.#load;
  }

  /** From now on it is to run this. */
  take(load: FlowLoad): void {
    this.#load = Promise.resolve(load);
  }

  config(): ServedConfig | undefined {
    return this.#view.config;
  }

  upload(): UploadStatus {
    return this.#view.upload;
  }

  link(): LinkView {
    return this.#view.link;
  }

  captures(): CapturesView {
    return this.#view.captures;
  }

  watchConfig(onChange: (config: ServedConfig) => void): Release {
    this.#configWatchers.add(onChange);
    return () => this.#configWatchers.delete(onChange);
  }

  watchUpload(onChange: (status: UploadStatus) => void): Release {
    this.#uploadWatchers.add(onChange);
    return () => this.#uploadWatchers.delete(onChange);
  }

  /** Hands a picture over; resolves once the agent has it on disk. */
  spool(still: Still): Promise<{ seq?: number }> {
    this.#lastCall += 1;
    const call = this.#lastCall;
    return new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject });
      this.#channel.send({ type: 'spool', call, still });
    });
  }

  /**
   * Hands over a picture that the server is to have. Answers `uploaded` when it has it, or `queued` when the agent keeps it until then; throws
   * what the server refuses for ever, and what the disk says.
   */
  bring(id: string, picture: PictureFromChild['picture']): Promise<PictureDelivery> {
    return new Promise((resolve, reject) => {
      this.#pictures.set(id, { resolve, reject });
      this.#channel.send({ type: 'picture', id, picture });
    });
  }

  #delivered(message: Extract<ToChild, { type: 'picture-answer' | 'picture-refusal' }>): void {
    const waiting = this.#pictures.get(message.id);
    this.#pictures.delete(message.id);
    if (message.type === 'picture-answer') waiting?.resolve(message.delivery);
    else waiting?.reject(new AppError(message.code, message.message));
  }

  #see({ config, upload, link, captures }: Partial<AgentView>): void {
    this.#view = {
      config: config ?? this.#view.config,
      upload: upload ?? this.#view.upload,
      link: link ?? this.#view.link,
      captures: captures ?? this.#view.captures,
    };
    if (config) for (const watcher of [...this.#configWatchers]) watcher(config);
    if (upload) for (const watcher of [...this.#uploadWatchers]) watcher(upload);
  }

  #settle(message: Extract<ToChild, { type: 'answer' | 'refusal' }>): void {
    const waiting = this.#calls.get(message.call);
    this.#calls.delete(message.call);
    if (message.type === 'refusal') waiting?.reject(new AppError(message.code, message.message));
    else waiting?.resolve(message.seq === undefined ? {} : { seq: message.seq });
  }
}
