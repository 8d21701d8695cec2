import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePorts } from '../../test/support/ports.ts';
import { Child } from './child.ts';

/** A camera that draws and encodes each picture at its time (bench/peers/drawn-camera.ts), by the driver of the Pi's own. */
export const DRAWN = 'rpicam:0';

/** Where the parts of this benchmark put their files. `close` takes it away. */
export class Setting {
  readonly folder = mkdtempSync(join(tmpdir(), 'redeye-bench-'));
  /** where the camera that draws stands as `rpicam-vid` */
  readonly programs = join(this.folder, 'bin');

  constructor() {
    mkdirSync(this.programs);
    const camera = join(import.meta.dirname, '../peers/drawn-camera.ts');
    const script = `#!/bin/sh\nexec '${process.execPath}' '${camera}' "$@"\n`;
    writeFileSync(join(this.programs, 'rpicam-vid'), script, { mode: 0o755 });
  }

  /** A server with nothing but what it takes to watch. */
  async server(): Promise<Server> {
    const [udpPort = 0] = await freePorts(1);
    const hls = mkdtempSync(join(this.folder, 'hls-'));
    const env = { PATH: `${this.programs}${delimiter}${process.env.PATH}` };
    const child = await Child.start('redeye-live.ts', [String(udpPort), hls], env);
    return new Server(child, await child.ask<{ url: string; token: string }>('address'));
  }

  /** A clip of noise over a pattern, baseline, a key frame a second; `bits` a second. */
  clip(name: string, options: { size: string; seconds: number; bits: number }): string {
    const { size, seconds, bits } = options;
    const clip = join(this.folder, `${name}.mp4`);
    const source = ['-f', 'lavfi', '-i', `testsrc2=s=${size}:r=30`, '-t', `${seconds}`];
    const noise = ['-vf', 'noise=alls=12:allf=t,format=yuv420p'];
    const code = ['-c:v', 'libx264', '-preset', 'ultrafast', '-profile:v', 'baseline', '-g', '30', '-keyint_min', '30'];
    const rate = ['-sc_threshold', '0', '-b:v', `${bits}`, '-maxrate', `${bits}`, '-bufsize', `${bits / 2}`];
    execFileSync('ffmpeg', ['-v', 'error', '-y', ...source, ...noise, ...code, ...rate, clip]);
    return clip;
  }

  /** The same file under another name. */
  again(clip: string, name: string): string {
    const link = join(this.folder, `${name}.mp4`);
    symlinkSync(clip, link);
    return link;
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A running server of this benchmark. */
export class Server {
  readonly child: Child;
  readonly url: string;
  /** of an admin */
  readonly token: string;

  constructor(child: Child, { url, token }: { url: string; token: string }) {
    this.child = child;
    this.url = url;
    this.token = token;
  }

  async define(id: string, url: string): Promise<void> {
    await this.child.ask('define', { id, url });
  }

  /** The camera is taken away, and nothing of it is left. */
  async remove(id: string): Promise<void> {
    await this.child.ask('remove', { id });
  }

  /** Starts the camera's stream for good, and waits until it is live and its rate is known. */
  async warm(id: string): Promise<{ fps: number; bitsPerSecond: number }> {
    await this.child.ask('warm', { id });
    for (;;) {
      const status = await this.status(id);
      if (status.state === 'live' && status.fps > 0) return status;
      if (status.state === 'failed') throw new Error(`${id}: ${status.reason}`);
      await pause(100);
    }
  }

  status(id: string): Promise<{ state: string; reason?: string; fps: number; bitsPerSecond: number }> {
    return this.child.ask('status', { id });
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
