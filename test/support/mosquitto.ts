import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { loopbackCertificate } from './certificate.ts';
import { temporaryFolder } from './folders.ts';
import { freePorts, isTaken } from './ports.ts';
import { until } from './until.ts';

const run = promisify(execFile);
const DEPLOY = resolve(import.meta.dirname, '../../deploy/mosquitto');
export const SERVER_LOGIN = 'redeye:long%20and%20secret';
const SERVER_PASSWORD = 'long and secret';

/** A real Mosquitto on 127.0.0.1 with the configuration that deploy/mosquitto gives to operators, but for paths, and for TLS unless asked for. */
export class Mosquitto {
  readonly port: number;
  /** who trusts it: NODE_EXTRA_CA_CERTS; undefined without TLS */
  readonly caFile: string | undefined;
  readonly #folder: string;
  readonly #clients: MqttClient[] = [];
  #child: ChildProcess | undefined;

  private constructor(folder: string, port: number, caFile: string | undefined) {
    this.#folder = folder;
    this.port = port;
    this.caFile = caFile;
  }

  /** Prepares one with the users `redeye` and `homeassistant`; `start` starts it. */
  static async make({ tls = false } = {}): Promise<Mosquitto> {
    const [port = 0] = await freePorts(1);
    const folder = await temporaryFolder('mosquitto');
    const own = tls ? await loopbackCertificate() : undefined;
    const made = new Mosquitto(folder, port, own?.certFile);
    const shipped = await readFile(join(DEPLOY, 'redeye.conf'), 'utf8');
    const files = own && { certfile: own.certFile, keyfile: own.keyFile };
    const conf = shipped
      .replace(/^(certfile|keyfile) .*\n/gm, (_, name: 'certfile' | 'keyfile') =>
        files ? `${name} ${files[name]}\n` : '',
      )
      .replace(/^tls_version .*\n/m, (line) => (files ? line : ''))
      .replace(/^listener .*$/m, `listener ${port} 127.0.0.1`)
      .replaceAll('/etc/mosquitto/redeye', join(folder, 'redeye'));
    const lines = [
      'user root',
      'persistence true',
      `persistence_location ${folder}/`,
      `log_dest file ${folder}/log`,
      'log_type all',
    ];
    await writeFile(join(folder, 'mosquitto.conf'), `${lines.join('\n')}\n${conf}`);
    await copyFile(join(DEPLOY, 'redeye.acl'), join(folder, 'redeye.acl'));
    await writeFile(join(folder, 'redeye.passwords'), '', { mode: 0o600 });
    await made.user('redeye', SERVER_PASSWORD);
    await made.user('homeassistant', 'ha secret');
    return made;
  }

  /** `mqtt://127.0.0.1:port`, or `mqtts`, with the server's user and password for `MQTT_URL`. */
  url(login = ''): string {
    return `mqtt${this.caFile === undefined ? '' : 's'}://${login}${login && '@'}127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const conf = join(this.#folder, 'mosquitto.conf');
    const child = spawn('mosquitto', ['-c', conf], { stdio: 'ignore' });
    child.on('error', () => undefined);
    this.#child = child;
    await until('Mosquitto listens (test/packages.txt installed?)', async () => {
      if (child.exitCode !== null) throw new Error(`mosquitto ended: ${(await this.#said()).slice(-2000)}`);
      return isTaken(this.port);
    });
  }

  /** Sets the password of a user, as an operator does it. */
  async user(name: string, password: string): Promise<void> {
    await run('mosquitto_passwd', ['-b', join(this.#folder, 'redeye.passwords'), name, password]);
    await this.#reload();
  }

  async acl(change: (text: string) => string): Promise<void> {
    const file = join(this.#folder, 'redeye.acl');
    await writeFile(file, change(await readFile(file, 'utf8')));
    await this.#reload();
  }

  /** Writes to disk what is retained. */
  async save(): Promise<void> {
    await this.#signal('SIGUSR1', 'Saving in-memory database');
  }

  async #reload(): Promise<void> {
    if (!this.#child) return;
    await this.#signal('SIGHUP', 'Reloading config');
  }

  /** Sends it a signal and waits until it says that it has done what that asks. */
  async #signal(signal: NodeJS.Signals, words: string): Promise<void> {
    const seen = (await this.#said()).length;
    this.#child?.kill(signal);
    await until(words, async () => (await this.#said()).slice(seen).includes(words));
  }

  /** Its log, which it would hold back in a pipe. */
  #said(): Promise<string> {
    return readFile(join(this.#folder, 'log'), 'utf8');
  }

  /** A client of it, connected. */
  async connect(options: IClientOptions): Promise<MqttClient> {
    const ca = this.caFile === undefined ? {} : { ca: await readFile(this.caFile) };
    const client = mqtt.connect(this.url(), { protocolVersion: 4, reconnectPeriod: 0, ...ca, ...options });
    this.#clients.push(client);
    return new Promise((done, reject) => {
      client.once('connect', () => done(client));
      client.once('error', reject);
    });
  }

  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((done) => child.once('exit', done));
    child.kill(signal);
    await gone;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.end(true);
    await this.end();
  }
}
