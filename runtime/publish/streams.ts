import { AppError } from '../contracts/errors.ts';
import type { StreamCreate, StreamPatch, StreamRecord, StreamType, YoutubeService } from '../contracts/published.ts';
import type { LivekitService } from '../contracts/rooms.ts';
import type { Actor, StreamsService } from '../contracts/services.ts';
import { writeAudit } from '../db/audit.repo.ts';
import type { Db } from '../db/db.ts';
import { listStreams, type StreamRow, setStreamMaker } from '../db/streams.repo.ts';
import { Turns } from '../lib/turns.ts';
import type { StreamKind } from './kind.ts';

const MOST_STREAMS = 64;

const PUSH_FIELDS = ['name', 'url', 'key', 'sound', 'insecure'] as const;
const BROADCAST_FIELDS = [
  'title',
  'description',
  'privacy',
  'made_for_kids',
  'latency',
  'dvr',
  'scheduled_at',
  'product_id',
] as const;
/** What can be changed of a stream, by its type. */
const FIELDS: Record<StreamType, readonly (keyof StreamPatch)[]> = {
  hls: ['name'],
  rtmp: PUSH_FIELDS,
  whip: PUSH_FIELDS,
  youtube: ['name', ...BROADCAST_FIELDS],
  livekit: ['name', 'room', 'via', 'sound'],
};

export interface StreamBookOptions {
  db: Db;
  kinds: Partial<Record<StreamType, StreamKind>>;
  /** why a kind is missing here, in words */
  missing: Partial<Record<StreamType, string>>;
  youtube: YoutubeService;
  livekit: LivekitService;
}

/** All streams of the host by name, whoever made them. */
export class StreamBook implements StreamsService {
  readonly youtube: YoutubeService;
  readonly livekit: LivekitService;
  readonly #options: StreamBookOptions;
  /** one change at a time: two with the same made-up name would be one */
  readonly #turns = new Turns();

  constructor(options: StreamBookOptions) {
    this.#options = options;
    this.youtube = options.youtube;
    this.livekit = options.livekit;
  }

  async list(camera?: string): Promise<StreamRecord[]> {
    const makers = await this.#makers();
    const all = Object.entries(this.#options.kinds).flatMap(([type, kind]) =>
      kind.names().map((name) => this.#record(type as StreamType, name, makers)),
    );
    const found = camera === undefined ? all : all.filter((record) => record.camera === camera);
    return found.sort((one, other) => one.id.localeCompare(other.id));
  }

  async get(id: string): Promise<StreamRecord> {
    const { type } = this.#of(id);
    return this.#record(type, id, await this.#makers());
  }

  create(camera: string, wish: StreamCreate, actor: Actor): Promise<StreamRecord> {
    return this.#turns.take(async () => {
      const { type, started: wanted = true } = wish;
      const kind = this.#options.kinds[type];
      if (!kind) {
        const why = this.#options.missing[type] ?? `streams of type ${type} are not set up here`;
        throw new AppError('stream.not_set_up', why, { field: 'type' });
      }
      const names = this.#names();
      if (names.size >= MOST_STREAMS)
        throw new AppError('stream.exists', `there are ${MOST_STREAMS} streams already: delete one first`);
      const name = wish.name ?? freeName(`${camera}-${type}`, names);
      if (names.has(name))
        throw new AppError('stream.exists', `there is a stream "${name}" already: start it, or choose another name`, {
          field: 'name',
        });
      await kind.make({ name, camera, wish, wanted }, actor);
      await setStreamMaker(this.#options.db, name, actor.name);
      await this.#audit(actor, 'stream.create', name, { type, camera, wanted });
      return this.get(name);
    });
  }

  change(id: string, { name: to = id, ...change }: StreamPatch, actor: Actor): Promise<StreamRecord> {
    return this.#turns.take(async () => {
      const { type, kind } = this.#of(id);
      const { made_by } = this.#record(type, id, await this.#makers());
      if (made_by === 'flow')
        throw new AppError('stream.of_flow', `"${id}" is declared by a flow: change it in its node`);
      const fields = Object.keys(change) as (keyof StreamPatch)[];
      const strange = fields.find((field) => !FIELDS[type].includes(field));
      if (strange)
        throw new AppError('request.invalid', `a stream of type ${type} has no ${strange}`, { field: strange });
      if (to !== id && this.#names().has(to))
        throw new AppError('stream.exists', `there is a stream "${to}" already`, { field: 'name' });
      await kind.change(id, change, to);
      await this.#audit(actor, 'stream.change', id, { fields, ...(to !== id && { name: to }) });
      return this.get(to);
    });
  }

  turn(id: string, wanted: boolean, actor: Actor): Promise<StreamRecord> {
    return this.#turns.take(async () => {
      const { kind } = this.#of(id);
      await kind.turn(id, wanted);
      await this.#audit(actor, wanted ? 'stream.start' : 'stream.stop', id);
      return this.get(id);
    });
  }

  remove(id: string, actor: Actor): Promise<void> {
    return this.#turns.take(async () => {
      const { kind } = this.#of(id);
      await kind.remove(id);
      await this.#audit(actor, 'stream.delete', id);
    });
  }

  #names(): Set<string> {
    return new Set(Object.values(this.#options.kinds).flatMap((kind) => kind.names()));
  }

  #of(id: string): { type: StreamType; kind: StreamKind } {
    for (const [type, kind] of Object.entries(this.#options.kinds))
      if (kind.names().includes(id)) return { type: type as StreamType, kind };
    throw new AppError('stream.not_found', `there is no stream ${JSON.stringify(id)}`);
  }

  #record(type: StreamType, id: string, makers: Map<string, StreamRow>): StreamRecord {
    const kind = this.#options.kinds[type];
    if (!kind) throw new AppError('stream.not_found', `there is no stream ${JSON.stringify(id)}`);
    const row = makers.get(id);
    const created_at = row?.createdAt.toISOString() ?? null;
    return { id, type, made_by: row?.createdBy ?? 'flow', created_at, ...kind.figures(id) };
  }

  async #makers(): Promise<Map<string, StreamRow>> {
    return new Map((await listStreams(this.#options.db)).map((row) => [row.name, row]));
  }

  #audit(actor: Actor, action: string, id: string, details?: Record<string, unknown>): Promise<void> {
    return writeAudit(this.#options.db, { actor: actor.name, action, object: `stream/${id}`, ip: actor.ip, details });
  }
}

function freeName(wanted: string, taken: ReadonlySet<string>): string {
  const plain = wanted.slice(0, 58);
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? plain : `${plain}-${number}`;
    if (!taken.has(name)) return name;
  }
}
