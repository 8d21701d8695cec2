/** What answers live requests, in one module so that it is loaded together, with the first of them. */
export { HLS_NAME, hlsFile, serveHls } from '../../runtime/lib/live/hls.ts';
export { serveMjpeg } from '../../runtime/lib/live/mjpeg.ts';
export { serveSnapshot } from '../../runtime/lib/live/snapshot.ts';
export { serveWays } from '../../runtime/lib/live/ways.ts';
export { serveWhep } from '../../runtime/lib/live/whep.ts';
