import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { Uplinks } from '../../edge/agent/uplinks.ts';
import type { ToAgent, ToChild } from '../../edge/ipc.ts';
import { StreamSender } from '../../edge/runtime/stream-sender.ts';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { Clock } from '../../runtime/contracts/host.ts';
import type { KnownDevice } from '../../runtime/contracts/services.ts';
import { STREAM_COMMAND, StreamCommandArgs } from '../../runtime/contracts/uplink.ts';
import { createMetrics } from '../../runtime/http/metrics.ts';
import { HttpServer } from '../../runtime/http/server.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { parser } from '../../runtime/lib/validate.ts';
import { createCameraSet } from '../../runtime/media/camera-set.ts';
import type { HubLimits } from '../../runtime/media/stream/hub.ts';
import { createStreams } from '../../runtime/media/stream/streams.ts';
import { createUplink } from '../../runtime/uplink.ts';
import { FakeStreams } from './stream-fixture.ts';
import { Wire } from './wire.ts';

export const PI_KEY = 'key-of-the-pi';
const OTHER_KEY = 'key-of-another';

/** A server and the device `pi` with its camera `pi-cam`, joined by real sockets; the command goes by a call. `close` it in `afterEach`. */
export async function openUplinkPair(
  options: { clock?: Clock; limits?: Partial<HubLimits>; random?: () => number } = {},
) {
  const clock = options.clock ?? systemClock;
  const common = { clock, log: silentLog };
  const listeners = {
    presence: new Set<(device: string, isThere: boolean) => void>(),
    cameras: new Set<() => void>(),
    revoked: new Set<(device: string) => void>(),
  };
  const facts = {
    online: true,
    cameras: [{ id: 'pi-cam', device: 'pi' }],
    /** what was asked of the device */
    asked: [] as StreamCommandArgs[],
    /** how the device answers; default: it opens the stream */
    answer: undefined as ((args: StreamCommandArgs) => Promise<void>) | undefined,
  };
  const devices: Record<string, KnownDevice> = {
    [PI_KEY]: { id: 'pi', cameras: ['pi-cam'], disabled: false },
    [OTHER_KEY]: { id: 'other', cameras: ['other-cam'], disabled: false },
    'key-of-the-disabled': { id: 'off', cameras: [], disabled: true },
  };
  const metrics = createMetrics({ log: silentLog, process: false });
  const listen = <L>(set: Set<L>, listener: L) => {
    set.add(listener);
    return () => set.delete(listener);
  };
  const uplink = createUplink({
    ...common,
    metrics,
    fleet: {
      deviceOfKey: async (key: string) => devices[key],
      cameras: async () => facts.cameras as never,
      onCamerasChanged: (listener: () => void) => listen(listeners.cameras, listener),
      onPresence: (listener: (device: string, isThere: boolean) => void) => listen(listeners.presence, listener),
      onRevoked: (listener: (device: string) => void) => listen(listeners.revoked, listener),
    },
    commands: {
      async request(device, name, given) {
        assert.deepEqual([device, name], ['pi', STREAM_COMMAND]);
        const args = parser(StreamCommandArgs)(given);
        facts.asked.push(args);
        await (facts.answer ?? ((wanted) => agent.open(wanted)))(args);
        return undefined;
      },
    },
  });

  const cameras = createCameraSet(common);
  const streams = createStreams({
    ...common,
    cameras: uplink.join(cameras),
    uplink: uplink.source,
    ffmpegPath: 'ffmpeg',
    rpicamVid: [],
    hubLimits: options.limits,
    random: options.random,
  });
  const http = new HttpServer({ host: '127.0.0.1', port: 0 });
  http.serve((_req, res) => res.writeHead(404).end());
  await http.start();
  uplink.attach(http.server);
  const { port } = http.server.address() as AddressInfo;
  const wire = await Wire.lay([port]);

  const piStreams = new FakeStreams({ limits: { lingerMs: 50 } });
  const toAgent = (message: ToAgent) => {
    // As IPC does: nothing arrives in the same turn.
    if (message.type === 'uplink-record' || message.type === 'uplink-end') setImmediate(() => agent.hear(message));
  };
  const sender = new StreamSender({ ...common, streams: async () => piStreams, send: toAgent });
  const agent = new Uplinks({
    ...common,
    url: `http://${Wire.host}:${port}/`,
    key: PI_KEY,
    toChild: (message: ToChild) => {
      if (message.type.startsWith('uplink')) setImmediate(() => sender.hear(message as never));
    },
  });
  await agent.start();
  await streams.start();
  await uplink.start();
  for (const listener of listeners.presence) listener('pi', facts.online);
  return {
    facts,
    streams,
    piStreams,
    agent,
    metrics,
    wire,
    uplink,
    /** of the server, without the wire in between */
    wsUrl: `ws://127.0.0.1:${port}`,
    otherKey: OTHER_KEY,
    /** The device comes or goes, as far as the server knows. */
    presence(online: boolean) {
      facts.online = online;
      for (const listener of listeners.presence) listener('pi', facts.online);
    },
    /** The device's key is worth nothing any more. */
    revoke() {
      delete devices[PI_KEY];
      for (const listener of listeners.revoked) listener('pi');
    },
    camerasChanged() {
      for (const listener of listeners.cameras) listener();
    },
    refuse: (why: string) => {
      facts.answer = () => Promise.reject(new AppError('camera.unreachable', why));
    },
    async close() {
      await streams.stop();
      await agent.stop();
      sender.stop();
      await uplink.stop();
      await wire.close();
      await http.stop();
      await piStreams.close();
      await cameras.stop();
    },
  };
}
