import type { LiveSession } from '../contracts/live.ts';
import type { StreamStatus } from '../contracts/streams.ts';

type Labels = Record<string, string>;
type Row = readonly [labels: Labels, value: number];

/** What a MediaMTX without these parts shows of them. */
const NONE = ['rtsp_conns', 'rtsp_sessions', 'rtsps_conns', 'rtsps_sessions', 'rtmp_conns', 'srt_conns'];

/**
 * Streams and viewers under the names that MediaMTX' metrics have (§2.4 of the seeds' contracts): those of v1.8 and, with `inbound` and
 * `outbound`, those since v1.17. As there, a kind of which there is none is a bare 0.
 */
export function mediamtxMetrics(streams: readonly StreamStatus[], sessions: readonly LiveSession[]): string {
  const watching = sessions.filter(({ type }) => type !== 'livekit');
  const sum = (of: readonly LiveSession[]) => of.reduce((bytes, session) => bytes + session.bytes, 0);
  const paths = streams.map((stream) => {
    const mine = watching.filter(({ camera }) => camera === stream.camera);
    const labels = { name: stream.camera, state: stream.state === 'live' ? 'ready' : 'notReady' };
    return { labels, readers: mine.length, received: stream.bytes ?? 0, sent: sum(mine) };
  });
  const webrtc = watching
    .filter(({ type }) => type === 'whep')
    .map((session) => ({ session, labels: peerOf(session) }));
  const hls = [
    ...Map.groupBy(
      watching.filter(({ type }) => type === 'hls'),
      ({ camera }) => camera,
    ),
  ].map(([name, mine]) => ({
    labels: { name },
    bytes: sum(mine),
    discarded: mine.reduce((n, one) => n + one.discarded, 0),
  }));
  return [
    figure(
      'paths',
      paths.map(({ labels }) => [labels, 1]),
    ),
    figure(
      'paths_readers',
      paths.map(({ labels, readers }) => [labels, readers]),
    ),
    ...under(
      ['paths_bytes_received', 'paths_inbound_bytes'],
      paths.map(({ labels, received }) => [labels, received]),
    ),
    ...under(
      ['paths_bytes_sent', 'paths_outbound_bytes'],
      paths.map(({ labels, sent }) => [labels, sent]),
    ),
    figure(
      'paths_inbound_frames_in_error',
      paths.map(({ labels }) => [labels, 0]),
    ),
    figure(
      'hls_muxers',
      hls.map(({ labels }) => [labels, 1]),
    ),
    ...under(
      ['hls_muxers_bytes_sent', 'hls_muxers_outbound_bytes'],
      hls.map(({ labels, bytes }) => [labels, bytes]),
    ),
    figure(
      'hls_muxers_outbound_frames_discarded',
      hls.map(({ labels, discarded }) => [labels, discarded]),
    ),
    figure(
      'webrtc_sessions',
      webrtc.map(({ labels }) => [labels, 1]),
    ),
    ...under(
      ['webrtc_sessions_bytes_received', 'webrtc_sessions_inbound_bytes'],
      webrtc.map(({ labels }) => [labels, 0]),
    ),
    ...under(
      ['webrtc_sessions_bytes_sent', 'webrtc_sessions_outbound_bytes'],
      webrtc.map(({ labels, session }) => [labels, session.bytes]),
    ),
    figure(
      'webrtc_sessions_rtp_packets_lost',
      webrtc.map(({ labels, session: { loss } }) => [labels, loss?.packets ?? 0]),
    ),
    figure(
      'webrtc_sessions_rtp_packets_jitter',
      webrtc.map(({ labels, session: { loss } }) => [labels, (loss?.jitterMs ?? 0) / 1000]),
    ),
    figure(
      'webrtc_sessions_outbound_frames_discarded',
      webrtc.map(({ labels, session }) => [labels, session.discarded]),
    ),
    ...NONE.map((name) => figure(name, [])),
  ].join('');
}

function peerOf({ id, camera, address, state }: LiveSession): Labels {
  return { id, path: camera, remoteAddr: address, state: state === 'playing' ? 'read' : 'idle' };
}

/** The same under the old and the new name. */
function under(names: readonly string[], rows: readonly Row[]): string[] {
  return names.map((name) => figure(name, rows));
}

function figure(name: string, rows: readonly Row[]): string {
  if (rows.length === 0) return `${name} 0\n`;
  return rows.map(([labels, value]) => `${name}{${labelled(labels)}} ${value}\n`).join('');
}

function labelled(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`)
    .join(',');
}
