import type {
  CameraRecord,
  CaptureRecord,
  DeviceCreate,
  DevicePatch,
  DeviceRecord,
  DeviceWithKey,
  Page,
} from '../../contracts/api.ts';
import type { DeviceConfig, DeviceConfigPatch } from '../../contracts/device-config.ts';
import type { EventPatch, EventRecord } from '../../contracts/events.ts';
import type { LiveWays } from '../../contracts/live.ts';
import type { Roi, RoiSet } from '../../contracts/rois.ts';
import { address, api, type Query } from './client.ts';

export interface ConfigAnswer {
  version: number;
  config: DeviceConfig;
}

export interface RoisAnswer {
  version: number;
  rois: Roi[];
}

const at = (strings: TemplateStringsArray, ...ids: string[]) =>
  String.raw({ raw: strings }, ...ids.map(encodeURIComponent));

/** Every request the console makes, by the name of what is asked for. */
export const calls = {
  devices: async () => (await api.get<Page<DeviceRecord>>('devices')).items,
  device: (id: string) => api.get<DeviceRecord>(at`devices/${id}`),
  createDevice: (body: DeviceCreate) => api.post<DeviceWithKey>('devices', body),
  patchDevice: (id: string, body: DevicePatch) => api.patch<DeviceRecord>(at`devices/${id}`, body),
  deleteDevice: (id: string) => api.delete<void>(at`devices/${id}`),
  rotateKey: (id: string) => api.post<DeviceWithKey>(at`devices/${id}/rotate-key`),
  config: (id: string) => api.get<ConfigAnswer>(at`devices/${id}/config`),
  putConfig: (id: string, body: DeviceConfigPatch) => api.put<ConfigAnswer>(at`devices/${id}/config`, body),

  cameras: async () => (await api.get<Page<CameraRecord>>('cameras')).items,
  camera: (id: string) => api.get<CameraRecord>(at`cameras/${id}`),
  liveWays: (camera: string) => api.get<LiveWays>(at`cameras/${camera}/live`),
  rois: (camera: string) => api.get<RoisAnswer>(at`cameras/${camera}/rois`),
  putRois: (camera: string, body: RoiSet) => api.put<RoisAnswer>(at`cameras/${camera}/rois`, body),
  newestCapture: async (camera: string): Promise<CaptureRecord | undefined> =>
    (await api.get<Page<CaptureRecord>>('captures', { camera, limit: 1 })).items[0],
  capture: (id: string) => api.get<CaptureRecord>(at`captures/${id}`),

  events: (query: Query, signal?: AbortSignal) => api.get<Page<EventRecord>>('events', query, signal),
  event: (id: string) => api.get<EventRecord>(at`events/${id}`),
  patchEvent: (id: string, body: EventPatch) => api.patch<EventRecord>(at`events/${id}`, body),

  changePassword: (current: string, next: string) =>
    api.post<void>('auth/password', { current_password: current, new_password: next }),
  /** Version and uptime of the server's process; it lies beside the API. */
  about: async (): Promise<{ version: string; uptime_s: number }> => (await fetch(address('healthz'))).json(),
};
