import assert from 'node:assert/strict';
import type { StreamStatus } from '../../runtime/contracts/streams.ts';
import { createMetrics } from '../../runtime/http/metrics.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { registerStreamGauges } from '../../runtime/live.ts';

describe('the figures of the streams', () => {
  it('are told for each camera, under names in the shape of MediaMTX', async () => {
    const metrics = createMetrics({ log: silentLog, process: false });
    const live: StreamStatus = {
      camera: 'gate',
      state: 'live',
      readers: 3,
      fps: 29.9,
      bitsPerSecond: 2_000_000,
      ageMs: 40,
      restarts: 2,
      discarded: 7,
    };
    const idle: StreamStatus = { ...live, camera: 'yard', state: 'idle', readers: 0, ageMs: undefined };
    registerStreamGauges(metrics, () => [live, idle]);
    const lines = (await metrics.text()).split('\n');
    for (const line of [
      'redeye_paths{name="gate",state="live"} 1',
      'redeye_paths{name="yard",state="idle"} 1',
      'redeye_paths_readers{name="gate"} 3',
      'redeye_paths_frames_per_second{name="gate"} 29.9',
      'redeye_paths_bits_per_second{name="gate"} 2000000',
      'redeye_paths_frame_age_seconds{name="gate"} 0.04',
      'redeye_paths_source_restarts{name="gate"} 2',
      'redeye_paths_frames_discarded{name="gate"} 7',
    ]) {
      assert.ok(lines.includes(line), line);
    }
    assert.ok(!lines.some((line) => line.startsWith('redeye_paths_frame_age_seconds{name="yard"}')));
  });
});
