import { readdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import type { PostgresServer } from '../support/postgres-server.ts';
import { lives } from '../support/programs.ts';
import type { ServerUnderTest } from '../support/servers.ts';
import { until } from '../support/until.ts';

export type Stroke = 'server' | 'postgres' | 'power';

/** Where the preload `power-cut.ts` notes its syncs. */
export interface PowerOptions {
  journal: string;
}

/** Breaks the parts of a running system, and puts them up again. */
export class Nemesis {
  readonly #server: ServerUnderTest;
  readonly #postgres: PostgresServer | undefined;
  readonly #power: PowerOptions | undefined;

  constructor(server: ServerUnderTest, postgres?: PostgresServer, power?: PowerOptions) {
    this.#server = server;
    this.#postgres = postgres;
    this.#power = power;
  }

  /** Kills with SIGKILL and starts again; resolves once everything is ready. */
  async strike(stroke: Stroke): Promise<void> {
    if (stroke === 'postgres') await this.#killPostgres();
    else {
      await this.#server.end('SIGKILL');
      if (stroke === 'power') await this.#cutPower();
      await this.restart();
    }
  }

  /** Starts the server that has ended. */
  async restart(): Promise<void> {
    // Three unclean ends in five minutes stop the flows, on purpose; here they are not the flows' fault.
    await rm(join(this.#server.folder, 'data', 'node-red', 'starts.json'), { force: true });
    await this.#server.start();
  }

  /** The unsynced end of every segment vanishes, as it may when the power goes. */
  async #cutPower(): Promise<void> {
    if (!this.#power) throw new Error('a power cut needs the journal of syncs');
    const synced = new Map<string, number>();
    const journal = await readFile(this.#power.journal, 'utf8').catch(() => '');
    for (const line of journal.split('\n')) {
      const [, size, path] = /^(\d+) (.+)$/.exec(line) ?? [];
      if (path !== undefined) synced.set(path, Math.max(synced.get(path) ?? 0, Number(size)));
    }
    const folder = join(this.#server.folder, 'data', 'segments');
    for (const name of await readdir(folder)) {
      const path = join(folder, name);
      const kept = synced.get(path) ?? 0;
      if ((await stat(path)).size > kept) await truncate(path, kept);
    }
  }

  /** SIGKILL to the postmaster; its children notice and go, then it starts again on what is on disk. */
  async #killPostgres(): Promise<void> {
    const postgres = this.#postgres;
    if (!postgres) throw new Error('there is no PostgreSQL here');
    const { postmaster, children } = await processesOf(postgres);
    process.kill(postmaster, 'SIGKILL');
    await until(
      'every process of PostgreSQL is gone',
      async () => {
        for (const pid of children) if (await lives(pid)) return false;
        return true;
      },
      30_000,
    );
    await postgres.crash();
    await postgres.start();
    await this.#server.program.while(
      'the server is ready again',
      async () => (await fetch(`${this.#server.url}/readyz`).catch(() => undefined))?.ok,
      60_000,
    );
  }
}

async function processesOf(postgres: PostgresServer): Promise<{ postmaster: number; children: number[] }> {
  const client = new pg.Client({ connectionString: postgres.url() });
  // The connection ends with the postmaster; that is no news.
  client.on('error', () => undefined);
  await client.connect();
  const { rows } = await client.query<{ file: string }>(`select pg_read_file('postmaster.pid') as file`);
  const others = await client.query<{ pid: number }>('select pid from pg_stat_activity');
  await client.end();
  const postmaster = Number.parseInt(rows[0]?.file ?? '', 10);
  if (!(postmaster > 1)) throw new Error('the postmaster has no pid');
  return { postmaster, children: others.rows.map(({ pid }) => pid) };
}
