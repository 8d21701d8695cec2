import type { Page } from '../../contracts/api.ts';
import {
  COMMAND_TTL_S,
  type CommandAnswer,
  type CommandCreate,
  type CommandMessage,
  type CommandRecord,
  type CommandUpdate,
  commandKind,
  SERVER_REQUESTER,
} from '../../contracts/commands.ts';
import { AppError } from '../../contracts/errors.ts';
import type { Clock, Log, Release } from '../../contracts/host.ts';
import type { Actor, CommandService } from '../../contracts/services.ts';
import { writeAudit } from '../../db/audit.repo.ts';
import {
  type CommandEnd,
  type CommandRow,
  endLateCommands,
  findCommand,
  finishCommand,
  insertCommand,
  listCommands,
  markCommandAccepted,
  markCommandSent,
  openCommands,
} from '../../db/commands.repo.ts';
import type { Db, Queryable } from '../../db/db.ts';
import { batched } from '../../lib/batched.ts';
import { isUuid, type NewId } from '../../lib/ids.ts';
import type { Part } from '../../lib/part.ts';
import { parser } from '../../lib/validate.ts';
import { CROWD } from '../crowd.ts';
import { Progress } from './progress.ts';
import { commandRecord } from './record.ts';
import { createSweep, type Sweep } from './sweep.ts';
import { offline, Waiters } from './waiters.ts';

/** Data of a request went to whoever asked; only a short answer is worth a place in the table too. */
const KEPT_OF_REQUESTS_CHARS = 4096;
/** A device that began a command and has said nothing for so long after its expiry will not. */
const SILENT_MS = 10 * 60_000;

export interface CommandsOptions {
  db: Db;
  clock: Clock;
  log: Log;
  newId: NewId;
  /** Sends to the device's `cmd/<name>`. Whether it arrives is learned from the answer. */
  publish: (device: string, name: string, body: CommandMessage) => Promise<void>;
  isConnected: (device: string) => boolean;
}

interface NewCommand {
  device: string;
  name: string;
  args: Record<string, unknown>;
  ttlMs: number;
  actor: Actor;
}

/** See CommandService for what is asked of it; the rest is what the broker's handlers tell it. */
export class Commands implements CommandService, Part {
  readonly #options: CommandsOptions;
  readonly #waiters = new Waiters();
  readonly #progress = new Progress();
  readonly #watchers = new Set<(update: CommandUpdate) => void>();
  readonly #lanes = new Map<string, Promise<unknown>>();
  readonly #parsers = new Map<string, (args: unknown) => unknown>();
  readonly #sweep: Sweep;
  readonly #openOf: (device: string) => Promise<CommandRow[]>;

  constructor(options: CommandsOptions) {
    this.#options = options;
    this.#openOf = batched({
      crowd: CROWD,
      clock: options.clock,
      keyOf: (device) => device,
      ask: async (devices) => {
        const rows = Map.groupBy(await openCommands(options.db, devices, this.#now()), (row) => row.device_id);
        return (device) => rows.get(device) ?? [];
      },
    });
    this.#sweep = createSweep({ ...options, endLate: () => this.#endLate() });
  }

  async start(): Promise<void> {
    await this.#sweep.start();
  }

  async stop(): Promise<void> {
    this.#waiters.end();
    await this.#sweep.stop();
    await Promise.allSettled(this.#lanes.values());
  }

  async issue(device: string, command: CommandCreate, actor: Actor): Promise<CommandRecord> {
    const { name, args = {}, ttl_s = COMMAND_TTL_S } = command;
    if (commandKind(name)?.internal) {
      throw new AppError('command.forbidden', `"${name}" is sent by the server for its own ends only.`, {
        field: 'name',
      });
    }
    const checked = this.#parse(name, args);
    const row = await this.#add({ device, name, args: checked, ttlMs: ttl_s * 1000, actor }, (q, { id }) =>
      writeAudit(q, {
        actor: actor.name,
        ip: actor.ip,
        action: 'device.command',
        object: `device/${device}`,
        details: { name, id },
      }),
    );
    return commandRecord(row, []);
  }

  async get(id: string): Promise<CommandRecord> {
    // What is late is said to be so at once, not at the next look.
    await this.#endLate();
    const row = isUuid(id) ? await findCommand(this.#options.db, id) : undefined;
    if (row === undefined) throw new AppError('command.not_found', `There is no command "${id}".`);
    return commandRecord(row, this.#progress.of(id));
  }

  async list(device: string, { limit, cursor }: { limit: number; cursor?: string }): Promise<Page<CommandRecord>> {
    if (cursor !== undefined && !/^\d{1,15}$/.test(cursor))
      throw new AppError('request.invalid', 'cursor is not one that a list gave', { field: 'cursor' });
    await this.#endLate();
    const before = cursor === undefined ? undefined : Number(cursor);
    const rows = await listCommands(this.#options.db, device, { limit: limit + 1, before });
    const shown = rows.slice(0, limit);
    const last = rows.length > limit ? shown.at(-1) : undefined;
    return { items: shown.map((row) => commandRecord(row, [])), next: last ? String(last.counter) : null };
  }

  watch(onUpdate: (update: CommandUpdate) => void): Release {
    this.#watchers.add(onUpdate);
    return () => this.#watchers.delete(onUpdate);
  }

  async request(
    device: string,
    name: string,
    args: Record<string, unknown>,
    options: { timeoutMs: number; signal?: AbortSignal; actor?: Actor; onProgress?: (data: unknown) => void },
  ): Promise<unknown> {
    const { timeoutMs, signal, actor = { name: 'server' }, onProgress } = options;
    signal?.throwIfAborted();
    if (!this.#options.isConnected(device)) throw offline(device);
    const checked = this.#parse(name, args);
    const id = this.#options.newId();
    const answer = this.#waiters.wait(id, device, onProgress);
    const late = () =>
      new AppError('command.timeout', `The device "${device}" did not answer within ${timeoutMs / 1000} s.`);
    const cancel = this.#options.clock.after(timeoutMs, () => this.#waiters.refuse(id, late()));
    const abort = () => this.#waiters.refuse(id, signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    this.#add({ device, name, args: checked, ttlMs: timeoutMs, actor }, undefined, id).catch((error) =>
      this.#waiters.refuse(id, error),
    );
    try {
      return await answer;
    } catch (error) {
      // Nobody waits for it any more: it must not be sent again.
      if (!refusedByDevice(error)) this.#abandon(device, id, error);
      throw error;
    } finally {
      cancel();
      signal?.removeEventListener('abort', abort);
    }
  }

  /** The device listens to its commands now: whatever it has not answered is sent, in order. */
  async deviceListens(device: string): Promise<void> {
    await this.#inLane(device, async () => {
      for (const row of await this.#openOf(device)) await this.#send(row);
    });
  }

  /** Its last connection is gone. */
  deviceGone(device: string): void {
    this.#waiters.gone(device);
  }

  /** What a device said on `rsp/<requester>`; another requester's answers, and those to nothing, change nothing. */
  async hear(device: string, requester: string, answer: CommandAnswer): Promise<void> {
    const { id, status, data } = answer;
    if (requester !== SERVER_REQUESTER || !isUuid(id)) return;
    if (status === 'progress') {
      this.#progress.add(id, data);
      this.#waiters.progress(id, data);
      this.#tell({ id, device, state: 'accepted', progress: data });
      return;
    }
    if (status === 'accepted') {
      if (await markCommandAccepted(this.#options.db, device, id)) this.#tell({ id, device, state: 'accepted' });
      return;
    }
    const requested = this.#waiters.has(id);
    if (status === 'ok') this.#waiters.settle(id, data);
    else this.#waiters.refuse(id, refused(device, answer));
    const text = JSON.stringify(data);
    const result = requested && (text?.length ?? 0) > KEPT_OF_REQUESTS_CHARS ? undefined : text;
    const { error } = answer;
    const code = answer.code === undefined ? undefined : String(answer.code);
    const state = status === 'ok' ? 'done' : code === 'command.expired' ? 'expired' : 'failed';
    await this.#end(device, id, status === 'ok' ? { state, result } : { state, result, code, error });
  }

  /** Writes it down and sends it, after the device's earlier ones: a counter that is overtaken would be taken for a replay. */
  #add(
    command: NewCommand,
    also?: (q: Queryable, row: CommandRow) => Promise<void>,
    id: string = this.#options.newId(),
  ): Promise<CommandRow> {
    const { device, name, args, ttlMs, actor } = command;
    return this.#inLane(device, async () => {
      const issuedAt = this.#now();
      const state = this.#options.isConnected(device) ? 'sent' : 'queued';
      const expiresAt = new Date(issuedAt.getTime() + ttlMs);
      const fresh = { id, device, name, args, state, issuedAt, expiresAt, actor: actor.name } as const;
      const insert = async (q: Queryable) => {
        const row = await insertCommand(q, fresh);
        if (row === undefined) throw new AppError('device.not_found', `There is no device "${device}" to be told.`);
        await also?.(q, row);
        return row;
      };
      const row = also ? await this.#options.db.tx(insert) : await insert(this.#options.db);
      this.#tell({ id, device, state });
      this.#sweep.wake();
      if (state === 'sent') await this.#send(row);
      return row;
    });
  }

  async #send(row: CommandRow): Promise<void> {
    const { clock, db, log, publish } = this.#options;
    const body: CommandMessage = {
      v: 1,
      ts: clock.now(),
      id: row.id,
      reply_to: SERVER_REQUESTER,
      counter: row.counter,
      issued_at: row.issued_at.getTime(),
      expires_at: row.expires_at.getTime(),
      args: row.args,
    };
    try {
      await publish(row.device_id, row.name, body);
    } catch (error) {
      log.warn('a command was not sent; it goes out when the device connects', { device: row.device_id, error });
      return;
    }
    const left = row.state === 'queued' && (await markCommandSent(db, row.id, this.#now()));
    if (left) this.#tell({ id: row.id, device: row.device_id, state: 'sent' });
  }

  async #end(device: string, id: string, end: Omit<CommandEnd, 'at'>): Promise<void> {
    const row = await finishCommand(this.#options.db, device, id, { ...end, at: this.#now() });
    if (row) this.#tell({ id, device, state: row.state });
  }

  #abandon(device: string, id: string, cause: unknown): void {
    const { code, message } = cause instanceof AppError ? cause : { code: undefined, message: String(cause) };
    const end = { state: 'failed' as const, code: code ?? 'command.timeout', error: message };
    // In its lane: the row may not even be there yet.
    this.#inLane(device, () => this.#end(device, id, end)).catch((error) =>
      this.#options.log.warn('a command that nobody waits for was not ended', { device, id, error }),
    );
  }

  async #endLate(): Promise<void> {
    const now = this.#options.clock.now();
    for (const row of await endLateCommands(this.#options.db, new Date(now), new Date(now - SILENT_MS)))
      this.#tell({ id: row.id, device: row.device_id, state: row.state });
  }

  #parse(name: string, args: Record<string, unknown>): Record<string, unknown> {
    const kind = commandKind(name);
    if (kind === undefined) return args;
    const parse = this.#parsers.get(name) ?? parser(kind.args);
    this.#parsers.set(name, parse);
    return parse({ ...args }) as Record<string, unknown>;
  }

  #inLane<T>(device: string, work: () => Promise<T>): Promise<T> {
    const before = this.#lanes.get(device) ?? Promise.resolve();
    const run = before.then(work, work);
    const tail = run.then(
      () => undefined,
      () => undefined,
    );
    this.#lanes.set(device, tail);
    void tail.then(() => {
      if (this.#lanes.get(device) === tail) this.#lanes.delete(device);
    });
    return run;
  }

  #tell(update: CommandUpdate): void {
    for (const watcher of [...this.#watchers]) watcher(update);
  }

  #now(): Date {
    return new Date(this.#options.clock.now());
  }
}

function refused(device: string, { code, error }: CommandAnswer): AppError {
  const reason = error ?? String(code ?? 'it did not say why');
  return new AppError('command.refused', `The device "${device}" refused: ${reason}`, { device, code, reason });
}

function refusedByDevice(error: unknown): boolean {
  return error instanceof AppError && error.code === 'command.refused';
}
