import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const PROGRAM = join(import.meta.dirname, '../../node_modules/node-red/red.js');

/** Node-RED as it comes, on a port of loopback, without our nodes. */
export class PlainNodeRed {
  readonly #folder: string;
  readonly #port: number;
  #process: ChildProcess | undefined;

  constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Starts it; answers the ms until its flows run. */
  async start(): Promise<number> {
    const settings = join(this.#folder, 'settings.js');
    const own = { flowFile: 'flows.json', credentialSecret: 'bench', telemetry: { enabled: false } };
    await writeFile(settings, `module.exports = ${JSON.stringify({ ...own, uiHost: '127.0.0.1' })};\n`);
    const began = performance.now();
    const args = [PROGRAM, '-u', this.#folder, '-p', `${this.#port}`, '--settings', settings];
    const program = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#process = program;
    for await (const line of createInterface({ input: program.stdout })) {
      if (line.includes('Started flows')) break;
    }
    program.stdout.resume();
    return performance.now() - began;
  }

  /** A full deploy, as its editor does it; answers the ms until it is answered. */
  async deploy(flows: readonly object[]): Promise<number> {
    const began = performance.now();
    const answer = await fetch(`http://127.0.0.1:${this.#port}/flows`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Node-RED-Deployment-Type': 'full' },
      body: JSON.stringify(flows),
    });
    await answer.arrayBuffer();
    if (answer.status !== 204) throw new Error(`Node-RED answered ${answer.status}`);
    return performance.now() - began;
  }

  async stop(): Promise<void> {
    const program = this.#process;
    this.#process = undefined;
    if (!program || program.exitCode !== null) return;
    program.kill('SIGTERM');
    await once(program, 'exit');
  }
}
