import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SERVER = fileURLToPath(new URL('./rtsp-server.py', import.meta.url));

export interface RtspCamera {
  port: number;
  /** SIGSTOP: the connection stays, nothing comes. */
  freeze(): void;
  /** As if its power were cut. */
  kill(): Promise<void>;
}

const running = new Set<ChildProcess>();

/**
 * A real RTSP camera on 127.0.0.1 that plays a clip. `login`: `none`, `basic:user:password`, `digest:user:password`. `sound`: a tone, or
 * the clip's own for AAC.
 */
export async function startRtspCamera(
  clip: string,
  login = 'none',
  port = 0,
  sound: '' | 'opus' | 'pcmu' | 'pcma' | 'aac' = '',
): Promise<RtspCamera> {
  // Debian's own interpreter: another one in PATH would not have GStreamer's bindings.
  const child = spawn('/usr/bin/python3', [SERVER, String(port), clip, login, sound], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let words = '';
  child.stderr.on('data', (chunk) => {
    words += chunk;
  });
  const ready = new Promise<number>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      const [, found] = /ready (\d+)/.exec(String(chunk)) ?? [];
      if (found) resolve(Number(found));
    });
    child.once('error', reject);
    child.once('exit', () =>
      reject(new Error(`the RTSP camera did not start (test/packages.txt installed?): ${words}`)),
    );
  });
  return { port: await ready, freeze: () => child.kill('SIGSTOP'), kill: () => end(child) };
}

/** For `afterEach`: ends every camera that a test started. */
export async function stopRtspCameras(): Promise<void> {
  await Promise.all([...running].map(end));
}

async function end(child: ChildProcess): Promise<void> {
  running.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
