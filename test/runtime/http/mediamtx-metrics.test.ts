import assert from 'node:assert/strict';
import type { LiveSession } from '../../../runtime/contracts/live.ts';
import type { StreamStatus } from '../../../runtime/contracts/streams.ts';
import { mediamtxMetrics } from '../../../runtime/http/mediamtx-metrics.ts';
import { openDoor } from '../../support/http-door.ts';

const GATE: StreamStatus = {
  camera: 'gate',
  state: 'live',
  readers: 1,
  fps: 30,
  bitsPerSecond: 1,
  bytes: 5000,
  restarts: 0,
  discarded: 0,
};
const YARD: StreamStatus = { ...GATE, camera: 'yard', state: 'idle', bytes: 0 };
const common = { user: 'anna', path: '/gate/whep', startedAt: 0, discarded: 2 } as const;
const SESSIONS: LiveSession[] = [
  {
    ...common,
    id: 'w1',
    type: 'whep',
    camera: 'gate',
    address: '10.0.0.9',
    state: 'playing',
    bytes: 700,
    loss: { share: 0, packets: 3, jitterMs: 12 },
  },
  { ...common, id: 'h1', type: 'hls', camera: 'gate', address: '10.0.0.8', state: 'playing', bytes: 40 },
  { ...common, id: 'h2', type: 'hls', camera: 'gate', address: '::1', state: 'playing', bytes: 60 },
  { ...common, id: 'l1', type: 'livekit', camera: 'gate', address: '', state: 'playing', bytes: 0 },
];

describe("the figures of a MediaMTX' port", () => {
  it('have its names, the old ones and those since v1.17, and its labels', () => {
    const lines = mediamtxMetrics([GATE, YARD], SESSIONS).trimEnd().split('\n');
    const peer = '{id="w1",path="gate",remoteAddr="10.0.0.9",state="read"}';
    for (const line of [
      'paths{name="gate",state="ready"} 1',
      'paths{name="yard",state="notReady"} 1',
      'paths_readers{name="gate",state="ready"} 3',
      'paths_bytes_received{name="gate",state="ready"} 5000',
      'paths_inbound_bytes{name="gate",state="ready"} 5000',
      'paths_bytes_sent{name="gate",state="ready"} 800',
      'paths_outbound_bytes{name="yard",state="notReady"} 0',
      'hls_muxers{name="gate"} 1',
      'hls_muxers_bytes_sent{name="gate"} 100',
      `webrtc_sessions${peer} 1`,
      `webrtc_sessions_bytes_sent${peer} 700`,
      `webrtc_sessions_rtp_packets_lost${peer} 3`,
      `webrtc_sessions_rtp_packets_jitter${peer} 0.012`,
      `webrtc_sessions_outbound_frames_discarded${peer} 2`,
      'rtsp_sessions 0',
      'rtmp_conns 0',
    ])
      assert.ok(lines.includes(line), line);
    for (const line of lines) assert.match(line, /^[a-z_]+(\{[a-zA-Z]+="[^"]*"(,[a-zA-Z]+="[^"]*")*\})? [\d.]+$/);
  });

  it('are bare zeros while there is nothing', () => {
    const lines = mediamtxMetrics([], []).split('\n');
    for (const name of ['paths', 'hls_muxers', 'webrtc_sessions']) assert.ok(lines.includes(`${name} 0`), name);
  });

  it('come beside our own where they are asked for, and only there', async () => {
    const live = { streams: { list: () => [GATE] }, sessions: [], whep: {} } as never;
    const door = await openDoor({ live });
    try {
      const plain = await door.call('GET', '/metrics');
      const named = await door.call('GET', '/metrics?names=mediamtx');
      assert.deepEqual([plain.status, named.status], [200, 200]);
      assert.ok(!/^paths/m.test(plain.text));
      assert.ok(named.text.startsWith(plain.text.slice(0, 100)));
      assert.match(named.text, /^paths\{name="gate",state="ready"\} 1$/m);
    } finally {
      await door.close();
    }
  });
});
