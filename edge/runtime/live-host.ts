import type { CameraHost, LiveHost, Log, Release } from '../../runtime/contracts/host.ts';
import type { LiveOutputKind, LiveOutputStatus } from '../../runtime/contracts/live.ts';
import type { LiveGate } from './live-gate.ts';

const PATH: Record<LiveOutputKind, string> = { webrtc: 'whep', hls: 'hls/index.m3u8', mjpeg: 'mjpeg' };

/** The live outputs for flows. The first node that wants to know has them loaded; until they are there, nothing runs and nobody watches. */
export function createEdgeLiveHost(gate: LiveGate, cameras: Pick<CameraHost, 'resolve'>, log: Log): LiveHost {
  let loaded: LiveHost | undefined;
  const load = async (): Promise<LiveHost> => {
    loaded = (await gate.open()).host;
    return loaded;
  };
  /** Does it now or once they are loaded; the answer takes it back in both cases. */
  const later = (run: (host: LiveHost) => Release): Release => {
    if (loaded) return run(loaded);
    let release: Release | undefined;
    let isOver = false;
    load().then(
      (host) => {
        if (!isOver) release = run(host);
      },
      (error) => log.error('the live outputs could not be loaded', { error }),
    );
    return () => {
      isOver = true;
      release?.();
    };
  };
  return {
    status: (camera, kind) => loaded?.status(camera, kind) ?? resting(camera, kind, cameras),
    watch(camera, kind, onChange) {
      const before = this.status(camera, kind);
      return later((host) => {
        const release = host.watch(camera, kind, onChange);
        // What changed while they were loaded would never be told.
        const now = host.status(camera, kind);
        if (JSON.stringify(now) !== JSON.stringify(before)) onChange(now);
        return release;
      });
    },
    keepWarm: (camera, kind) => later((host) => host.keepWarm(camera, kind)),
  };
}

function resting(camera: string, output: LiveOutputKind, cameras: Pick<CameraHost, 'resolve'>): LiveOutputStatus {
  const at = (id: string) => ({ camera: id, output, viewers: 0, path: `/api/v1/cameras/${id}/${PATH[output]}` });
  try {
    return { ...at(cameras.resolve(camera)), state: 'idle' };
  } catch (error) {
    return { ...at(camera), state: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
}
