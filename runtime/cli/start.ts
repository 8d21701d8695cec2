import { join } from 'node:path';
import { readSettings } from '../../settings.ts';
import { AppError } from '../contracts/errors.ts';
import { guardNodeVersion } from '../lib/node-version.ts';
import { maskUrl, parseCameraUrl } from '../media/camera-url.ts';
import { shelfRois } from '../media/sim/shelf-timetable.ts';
import type { ServerMessage, StarterMessage } from './demo-device.ts';
import { KeptChild } from './kept-child.ts';

guardNodeVersion();

const DEVICE = 'demo-pi';
const write = (line: string) => process.stdout.write(`${line}\n`);

/** `npm start`: the server and one simulated Pi, explained in plain words; Ctrl-C stops both. */
function main(): void {
  const settings = readSettings(process.env);
  const cameraUrl = process.env.CAMERA ?? 'sim:shelf';
  const camera = parseCameraUrl(cameraUrl);
  const program = (...path: string[]) => join(import.meta.dirname, ...path);
  let edge: KeptChild | undefined;
  let firstTime = true;

  const ask: StarterMessage = {
    ask: 'demo-device',
    device: DEVICE,
    name: 'Simulated Pi',
    config: { capture_interval_s: 0.5 },
    rois: camera.kind === 'sim' && camera.scene === 'shelf' ? [...shelfRois] : [],
  };
  const server = new KeptChild({
    who: 'server',
    file: program('server.js'),
    env: process.env,
    write,
    onMessage(raw) {
      const message = raw as ServerMessage;
      if (message.say === 'failed') write(`The simulated Pi could not be registered: ${message.message}`);
      if (message.say === 'ready') {
        if (firstTime) welcome(message, maskUrl(cameraUrl));
        firstTime = false;
        server.send(ask);
      }
      if (message.say === 'demo-device') {
        edge ??= startEdge(message.key);
      }
    },
  });

  const startEdge = (key: string) => {
    const child = new KeptChild({
      who: DEVICE,
      file: program('..', '..', 'edge', 'main.js'),
      env: {
        ...process.env,
        FLOWS_DIR: join(settings.DATA_DIR, DEVICE, 'flows'),
        SERVER_URL: `${settings.TLS_CERT ? 'https' : 'http'}://${settings.HOST === '0.0.0.0' ? '127.0.0.1' : settings.HOST}:${settings.PORT}`,
        DEVICE_ID: DEVICE,
        DEVICE_KEY: key,
        EDGE_DATA_DIR: join(settings.DATA_DIR, DEVICE),
        CAMERA: cameraUrl,
      },
      write,
    });
    child.start();
    return child;
  };

  let ending = false;
  const end = async () => {
    if (ending) process.exit(1);
    ending = true;
    write('\nStopping …');
    await edge?.stop();
    await server.stop();
    process.exit(0);
  };
  process.on('SIGINT', () => void end());
  process.on('SIGTERM', () => void end());
  write('Starting Redeye: the server and one simulated Pi …');
  server.start();
}

function welcome(message: ServerMessage & { say: 'ready' }, camera: string): void {
  write('');
  write(`  Redeye is at      ${message.url}`);
  write(`  Flow editor       ${message.url}/editor/`);
  if (message.adminPassword !== undefined)
    write(`  First login       admin / ${message.adminPassword}   (shown this once; change it)`);
  write(`  Simulated Pi      ${DEVICE}, camera ${DEVICE}-cam plays ${camera}, a picture every 0.5 s`);
  write('  What happens      camera → spool → ingest → job → delta → event; events appear below');
  write('  Ctrl-C stops everything.');
  write('');
}

try {
  main();
} catch (error) {
  process.stderr.write(
    `redeye: ${error instanceof AppError ? error.message : String((error as Error).stack ?? error)}\n`,
  );
  process.exit(1);
}
