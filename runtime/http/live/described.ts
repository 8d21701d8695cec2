import { LiveWays } from '../../contracts/live.ts';

/** The live paths in the API's document: they are no RouteSpecs, since they stream, or speak SDP. */
export const LIVE_ROUTES = [
  {
    method: 'get',
    path: '/cameras/{id}/live',
    summary: 'Which ways to watch there are, in words why not the others, and ICE servers; starts no camera',
    produces: 'application/json',
    schema: LiveWays,
    answers: { 200: 'state, ways (best first; `reason`: not now), iceServers' },
  },
  {
    method: 'post',
    path: '/cameras/{id}/whep',
    summary: 'Watch by WebRTC (WHEP): an SDP offer in, an SDP answer out',
    content: 'application/sdp',
    produces: 'application/sdp',
    answers: {
      201: 'playing; Location, ETag, Link (ICE servers), Accept-Patch',
      406: 'no H.264 in the offer, or B-frames in the stream; Link leads to HLS',
      503: 'as many watch as may, or WebRTC is off',
    },
  },
  {
    method: 'options',
    path: '/cameras/{id}/whep',
    summary: 'What WHEP takes, and the ICE servers',
    answers: { 204: 'Accept-Post, Link' },
  },
  {
    method: 'patch',
    path: '/cameras/{id}/whep/{secret}',
    summary: 'Candidates found later (trickle ICE)',
    content: 'application/trickle-ice-sdpfrag',
    answers: { 204: 'taken', 412: 'another ETag', 422: 'ICE restart is not supported' },
  },
  {
    method: 'delete',
    path: '/cameras/{id}/whep/{secret}',
    summary: 'End the session',
    answers: { 200: 'ended', 404: 'it was over' },
  },
  {
    method: 'get',
    path: '/cameras/{id}/hls/index.m3u8',
    summary: 'Watch by HLS, low latency where the player can',
    produces: 'application/vnd.apple.mpegurl',
    answers: { 200: 'a playlist' },
  },
  {
    method: 'get',
    path: '/cameras/{id}/mjpeg',
    summary: 'Watch as JPEG pictures one after the other (?fps=)',
    produces: 'multipart/x-mixed-replace',
    answers: { 200: 'multipart/x-mixed-replace, until it is closed' },
  },
  {
    method: 'get',
    path: '/cameras/{id}/snapshot.jpg',
    summary: 'The newest picture',
    produces: 'image/jpeg',
    answers: { 200: 'a JPEG' },
  },
] as const;

/** Those that only the one who opened the session knows the address of need no other credential. */
export function isBySecret(path: string): boolean {
  return path.endsWith('{secret}');
}
