import type { Server } from 'node:http';
import type { GalleryService } from './contracts/gallery.ts';
import type { CameraHost, Clock, Log } from './contracts/host.ts';
import { SERVER_DEVICE } from './contracts/ids.ts';
import type { PictureService } from './contracts/live-outputs.ts';
import type { Metrics } from './contracts/metrics.ts';
import type { CommandService } from './contracts/services.ts';
import { STREAM_COMMAND } from './contracts/uplink.ts';
import type { Fleet } from './fleet/fleet.ts';
import { openUplinkDoor } from './http/uplink.ts';
import { coalesced } from './lib/coalesced.ts';
import type { Part } from './lib/part.ts';
import { fitJpeg } from './media/picture-fit.ts';
import { UplinkSource } from './media/stream/sources/uplink.ts';
import type { StreamedCameras, StreamsOptions } from './media/stream/streams.ts';
import { UplinkDesk } from './media/uplink/desk.ts';
import { DeviceCameras, joinCameras } from './media/uplink/device-cameras.ts';

/** A device says at once whether it will send; the connection may take longer. */
const ANSWER_MS = 8000;

/** Settings of cameras at their devices. */
export type RemoteSettings = Pick<GalleryService, 'settings' | 'applySettings'>;

export interface UplinkParts {
  fleet: Pick<Fleet, 'cameras' | 'deviceOfKey' | 'onCamerasChanged' | 'onPresence'> & Partial<Pick<Fleet, 'onRevoked'>>;
  commands: Pick<CommandService, 'request'>;
  metrics: Metrics;
  clock: Clock;
  log: Log;
}

/** Cameras of devices, streamed by the server as its own. `start` begins to follow the register. */
export interface Uplink extends Part {
  /** The host's own cameras and those of devices, for the streams. */
  join(own: StreamedCameras): StreamedCameras;
  source: NonNullable<StreamsOptions['uplink']>;
  /** The host's own cameras for its nodes, with those of devices under their names: stills come from their stream. */
  forNodes(own: CameraHost, pictures: Pick<PictureService, 'snapshot'>, remote: RemoteSettings): CameraHost;
  /** Which device has a camera; undefined for those of no device. */
  deviceOf(camera: string): string | undefined;
  /** Takes the connections of devices at an HTTP server. */
  attach(server: Server): void;
}

/** Puts together what streams of devices need: who has which camera, asking for one, and the door it comes in by. */
export function createUplink({ fleet, commands, metrics, clock, log }: UplinkParts): Uplink {
  const devices = new DeviceCameras();
  const desk = new UplinkDesk({
    async ask(device, args, signal) {
      await commands.request(device, STREAM_COMMAND, args, { timeoutMs: ANSWER_MS, signal });
    },
    clock,
  });
  const follow = coalesced(async () => {
    const cameras = (await fleet.cameras()).filter(({ device }) => device !== SERVER_DEVICE);
    devices.set(cameras);
  });
  const failed = (error: unknown) => log.error('the cameras of devices could not be followed', { error });
  let releases: (() => void)[] = [];
  return {
    join: (own) => joinCameras(own, devices),
    source: ({ device, camera }, parts) =>
      new UplinkSource({
        ...parts,
        device,
        camera,
        ask: (...asked) => desk.ask(...asked),
        trouble: () => devices.trouble(camera),
        onBack: (run) => devices.onBack(device, run),
      }),
    forNodes: (own, pictures, remote) => withDevices(own, devices, pictures, remote),
    deviceOf: (camera) => devices.deviceOf(camera),
    attach(server) {
      releases.push(openUplinkDoor(server, { uplinks: desk, fleet, metrics, clock, log }));
    },
    async start() {
      releases.push(
        fleet.onCamerasChanged(() => void follow().catch(failed)),
        fleet.onPresence((device, isThere) => devices.note(device, isThere)),
      );
      await follow();
    },
    async stop() {
      for (const release of releases) release();
      releases = [];
    },
  };
}

/** Those of devices are no cameras of this host: they are in no list, or the server would sample what the device samples. */
function withDevices(
  own: CameraHost,
  devices: DeviceCameras,
  pictures: Pick<PictureService, 'snapshot'>,
  remote: RemoteSettings,
): CameraHost {
  const isOwn = (camera: string) => own.list().some(({ id }) => id === camera);
  const isDevices = (camera: string) => devices.deviceOf(camera) !== undefined && !isOwn(camera);
  return {
    list: () => own.list(),
    declare: (camera) => own.declare(camera),
    watch: (onChange) => own.watch(onChange),
    settings: (camera) => (isDevices(camera) ? remote.settings(camera) : own.settings(camera)),
    applySettings: (camera, change) =>
      isDevices(camera) ? remote.applySettings(camera, change, { name: 'flow' }) : own.applySettings(camera, change),
    resolve: (camera) => (isDevices(camera) ? camera : own.resolve(camera)),
    async capture(camera, options, signal) {
      if (!isDevices(camera)) return own.capture(camera, options, signal);
      const { jpeg, takenAt } = await pictures.snapshot(camera, { fresh: true });
      return { ...(await fitJpeg(jpeg, takenAt, options ?? {})), camera };
    },
  };
}
