import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { temporaryFolder } from './folders.ts';
import { freePorts, isTaken } from './ports.ts';
import { until } from './until.ts';

/** From these ports it speaks for whoever uses it; the system hands none of them out. */
export const RELAY_PORTS = { first: 61_000, last: 65_000 };

/** A real coturn on 127.0.0.1 with a static secret, over UDP and TCP. */
export class Coturn {
  readonly secret: string;
  readonly port: number;
  readonly #child: ChildProcess;

  constructor(secret: string, port: number, child: ChildProcess) {
    this.secret = secret;
    this.port = port;
    this.#child = child;
  }

  static async start(secret: string): Promise<Coturn> {
    const [port = 0] = await freePorts(1);
    const folder = await temporaryFolder('coturn');
    const settings = {
      'listening-port': port,
      'listening-ip': '127.0.0.1',
      'relay-ip': '127.0.0.1',
      'min-port': RELAY_PORTS.first,
      'max-port': RELAY_PORTS.last,
      'static-auth-secret': secret,
      realm: 'redeye.test',
      pidfile: join(folder, 'pid'),
      userdb: join(folder, 'db'),
      'log-file': 'stdout',
    };
    const flags = ['use-auth-secret', 'allow-loopback-peers', 'no-cli', 'no-tls', 'no-dtls', 'no-multicast-peers'];
    const args = [
      ...Object.entries(settings).map(([name, value]) => `--${name}=${value}`),
      ...flags.map((flag) => `--${flag}`),
    ];
    const child = spawn('turnserver', ['-n', ...args], { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder });
    let said = '';
    for (const pipe of [child.stdout, child.stderr]) pipe?.on('data', (bytes) => (said += bytes));
    const made = new Coturn(secret, port, child);
    try {
      // It keeps its log to itself while that goes into a pipe.
      await until('coturn listens', async () => {
        if (child.exitCode !== null) throw new Error(`coturn ended: ${said.slice(-2000)}`);
        return isTaken(port);
      });
    } catch (error) {
      await made.stop();
      throw error;
    }
    return made;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await gone;
  }
}
