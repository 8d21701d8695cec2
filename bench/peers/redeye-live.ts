import { spawn } from 'node:child_process';
import { join } from 'node:path';
import express, { Router } from 'express';
import type { HttpParts } from '../../runtime/http/app.ts';
import { createMetrics } from '../../runtime/http/metrics.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { createLive } from '../../runtime/live.ts';
import { UNIT_END } from '../../runtime/media/mjpeg/decode-args.ts';
import { openDoor } from '../../test/support/http-door.ts';
import { answer } from './answering.ts';

/**
 * The live part of the server behind its real HTTP face, with users in memory: what a process of Redeye does for those who watch, and
 * nothing else. `argv`: UDP port of WebRTC, folder for ffmpeg's own HLS.
 */
const [udpPort = '0', hlsFolder = ''] = process.argv.slice(2);
const ROOT = join(import.meta.dirname, '../..');

const live = createLive({
  clock: systemClock,
  log: silentLog,
  ffmpegPath: 'ffmpeg',
  metrics: createMetrics({ log: silentLog, process: false }),
  settings: { HOST: '127.0.0.1', WEBRTC_UDP_PORT: Number(udpPort), WEBRTC_HOSTS: [], ICE_SERVERS: [], TURN_URLS: [] },
  checkUrl: async () => {},
});
const fleet = { camera: async (id: string) => ({ id }), deviceOfKey: async () => undefined };
const door = await openDoor({ live, fleet: fleet as unknown as HttpParts['fleet'], console: pages() });
await live.start();
const releases = new Map<string, () => void>();

answer(
  {
    address: async () => ({ url: door.url, token: await door.userToken('admin') }),
    define: ({ id, url }: { id: string; url: string }) => live.cameras.define({ id, url }),
    async remove({ id }: { id: string }) {
      releases.get(id)?.();
      releases.delete(id);
      await live.cameras.remove(id);
    },
    warm({ id }: { id: string }) {
      releases.set(id, live.streams.keepWarm(id));
    },
    status: ({ id }: { id: string }) => live.streams.status(id),
    ffmpegHls,
  },
  async () => {
    await live.stop();
    await door.close();
  },
);

/** The product's own player, and what ffmpeg writes. */
function pages(): Router {
  const router = Router();
  router.use('/assets/bench/ffmpeg-hls', express.static(hlsFolder, { cacheControl: false }));
  router.use(express.static(join(ROOT, 'dist/console'), { index: false }));
  return router;
}

/** ffmpeg's own HLS of the same pictures: segments of a second, fMP4, what its pages recommend for live. */
function ffmpegHls({ id }: { id: string }): void {
  const input = ['-fflags', 'nobuffer', '-use_wallclock_as_timestamps', '1', '-f', 'h264', '-i', 'pipe:0'];
  const form = ['-f', 'hls', '-hls_time', '1', '-hls_list_size', '6', '-hls_segment_type', 'fmp4'];
  const flags = ['-hls_flags', 'delete_segments+independent_segments+omit_endlist', join(hlsFolder, 'live.m3u8')];
  const child = spawn('ffmpeg', ['-v', 'error', ...input, '-c', 'copy', ...form, ...flags], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  child.stdin.on('error', () => child.stdin.destroy());
  live.streams.subscribe(id, {
    onFormat() {},
    onVideo(unit) {
      child.stdin.write(Buffer.concat([unit.annexB, UNIT_END]));
    },
  });
  process.once('exit', () => child.kill('SIGKILL'));
}
