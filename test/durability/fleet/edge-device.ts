import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { DeploymentRecord, DeviceFlows } from '../../../runtime/contracts/deployments.ts';
import { EdgeUnderTest, type ServerUnderTest } from '../../support/servers.ts';

/** A file of a tab below `flows/edge`: its text. */
export type TabFiles = Record<string, string>;
export type Flows = Record<string, unknown>[];

/** How often the server is asked; the machine has other things to do. */
const ASK_MS = 250;

/** The tabs of the server, written for one deployment at a time; whoever deploys has them alone meanwhile. */
export class Tabs {
  readonly #folder: string;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(server: ServerUnderTest) {
    this.#folder = join(server.flowsDir, 'edge');
  }

  /** The tab that takes pictures, as it is shipped. */
  async capture(): Promise<Flows> {
    return JSON.parse(await readFile(join(this.#folder, 'capture.json'), 'utf8')) as Flows;
  }

  /** Has exactly these files there while the work runs. */
  with<T>(files: TabFiles, work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(async () => {
      await mkdir(this.#folder, { recursive: true });
      await this.#clear();
      for (const [name, text] of Object.entries(files)) await writeFile(join(this.#folder, name), text);
      try {
        return await work();
      } finally {
        // A file that is no JSON would be in the way of whoever asks what runs.
        await this.#clear();
      }
    });
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #clear(): Promise<void> {
    for (const name of await readdir(this.#folder)) await rm(join(this.#folder, name), { force: true });
  }
}

/** A device of the fleet: real processes, asked through the server's API. */
export class EdgeDevice {
  readonly id: string;
  readonly edge: EdgeUnderTest;
  readonly #server: ServerUnderTest;
  readonly #tabs: Tabs;

  private constructor(id: string, edge: EdgeUnderTest, server: ServerUnderTest, tabs: Tabs) {
    this.id = id;
    this.edge = edge;
    this.#server = server;
    this.#tabs = tabs;
  }

  /** Registers and starts one; it takes a picture a second. `near`: where it finds the server. */
  static async start(id: string, server: ServerUnderTest, tabs: Tabs, near = { url: server.url }): Promise<EdgeDevice> {
    const made = await server.device(id);
    await server.api.put(`/devices/${id}/config`, { capture_interval_s: 1, width: 320, height: 180 });
    const settings = { PROBATION_S: '5', EDGE_WEBRTC_UDP_PORT: '0', LOG_LEVEL: 'warn' };
    const edge = await EdgeUnderTest.start(near, made, 'sim:gradient', settings);
    const device = new EdgeDevice(id, edge, server, tabs);
    await device.framesGoOn();
    return device;
  }

  /** Asks for the deployment of these tabs. Throws what the server refuses. */
  deploy(files: TabFiles, probationS: number): Promise<DeploymentRecord> {
    const body = { target: `device/${this.id}`, gates: { probation_s: probationS } };
    return this.#tabs.with(files, () => this.#server.api.post<DeploymentRecord>('/deployments', body));
  }

  /** Waits for the end of a deployment on this device; `tookMs`: from its sending, by the server's clock. */
  async ended(id: string, timeoutMs = 300_000): Promise<{ state: string; reason: string; tookMs: number }> {
    const record = await this.#ask(`${this.id}: the deployment ends`, timeoutMs, async () => {
      const now = await this.#server.api.get<DeploymentRecord>(`/deployments/${id}`);
      return now.state !== 'running' && now;
    });
    const [target] = record.devices;
    const tookMs = Date.parse(target?.ended_at ?? '') - Date.parse(target?.sent_at ?? '');
    return { state: target?.state ?? record.state, reason: target?.reason ?? record.reason ?? '', tookMs };
  }

  /** How far the server knows that a deployment is on this device. */
  async phase(id: string): Promise<string> {
    const { devices } = await this.#server.api.get<DeploymentRecord>(`/deployments/${id}`);
    return devices[0]?.state ?? 'none';
  }

  /** Waits until so many more frames of it have arrived. */
  async framesGoOn(count = 2, timeoutMs = 180_000): Promise<void> {
    const before = await this.#server.api.lastSeq(this.id);
    await this.#ask(
      `${this.id}: frames arrive`,
      timeoutMs,
      async () => (await this.#server.api.lastSeq(this.id)) >= before + count,
    );
  }

  /** What it runs, by its own word, as soon as it answers. */
  running(timeoutMs = 180_000): Promise<DeviceFlows> {
    return this.#ask(`${this.id} says what it runs`, timeoutMs, () =>
      this.#server.api.get<DeviceFlows>(`/devices/${this.id}/flows`).catch(() => undefined),
    );
  }

  #ask<T>(what: string, timeoutMs: number, ask: () => Promise<T | undefined | false>): Promise<T> {
    return this.edge.program.while(
      what,
      async () => {
        const answer = await ask();
        if (!answer) await pause(ASK_MS);
        return answer;
      },
      timeoutMs,
    );
  }
}
