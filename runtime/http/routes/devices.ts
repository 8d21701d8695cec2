import {
  ConfigAnswer,
  DeviceConfigPut,
  DeviceCreate,
  DevicePatch,
  DeviceRecord,
  DeviceRotate,
  DeviceWithKey,
} from '../../contracts/api.ts';
import type { DeviceConfigPatch } from '../../contracts/device-config.ts';
import { RoiSet, RoisAnswer } from '../../contracts/rois.ts';
import { pageOf } from '../../contracts/schema.ts';
import type { FleetService } from '../../contracts/services.ts';
import type { User } from '../../contracts/users.ts';
import type { IdempotencyCache } from '../idempotency.ts';
import { Answer, type RouteSpec } from '../route.ts';

/** Devices, their keys and configuration. */
export function deviceRoutes(fleet: FleetService, idempotency: IdempotencyCache): RouteSpec[] {
  const tag = 'devices';
  const mine = (user: User, cameras: string[]) =>
    user.cameras === null || cameras.some((id) => user.cameras?.includes(id));
  return [
    {
      method: 'get',
      path: '/devices',
      access: 'viewer',
      tag,
      summary: 'All devices with state, mode, last seen and last frame',
      answer: pageOf(DeviceRecord),
      async handle({ user }) {
        const devices = await fleet.devices();
        return { items: devices.filter((device) => mine(user, device.cameras)), next: null };
      },
    },
    {
      method: 'post',
      path: '/devices',
      access: 'admin',
      tag,
      summary: 'Register a device; the answer shows its key, once',
      answer: DeviceWithKey,
      idempotent: true,
      errors: ['device.exists'],
      body: DeviceCreate,
      status: 201,
      handle: (context) =>
        idempotency.run(
          context,
          async () => new Answer(201, await fleet.createDevice(context.body as DeviceCreate, context.actor)),
        ),
    },
    {
      method: 'get',
      path: '/devices/:id',
      access: 'viewer',
      tag,
      summary: 'One device',
      answer: DeviceRecord,
      handle: ({ params }) => fleet.device(params.id ?? ''),
    },
    {
      method: 'patch',
      path: '/devices/:id',
      access: 'admin',
      tag,
      summary: 'Rename, disable or enable a device',
      answer: DeviceRecord,
      errors: ['device.built_in'],
      body: DevicePatch,
      handle: ({ params, body, actor }) => fleet.patchDevice(params.id ?? '', body as DevicePatch, actor),
    },
    {
      method: 'delete',
      path: '/devices/:id',
      access: 'admin',
      tag,
      summary: 'Delete a device; its frames and events stay, and its seq goes on when it is registered again',
      errors: ['device.built_in'],
      status: 204,
      async handle({ params, actor }) {
        await fleet.deleteDevice(params.id ?? '', actor);
        return new Answer(204);
      },
    },
    {
      method: 'post',
      path: '/devices/:id/rotate-key',
      access: 'admin',
      tag,
      summary: 'A new key, shown once; the old one still works for a day, or ends now (end_old)',
      body: DeviceRotate,
      answer: DeviceWithKey,
      errors: ['device.built_in'],
      handle: async ({ params, actor, body }) =>
        new Answer(200, await fleet.rotateKey(params.id ?? '', actor, body as DeviceRotate), {
          'Cache-Control': 'no-store',
        }),
    },
    {
      method: 'get',
      path: '/devices/:id/config',
      access: 'viewer',
      tag,
      summary: 'The configuration in force',
      answer: ConfigAnswer,
      handle: ({ params }) => fleet.config(params.id ?? ''),
    },
    {
      method: 'put',
      path: '/devices/:id/config',
      access: 'operator',
      tag,
      summary: 'Change any of the fields; the rest stays',
      answer: ConfigAnswer,
      body: DeviceConfigPut,
      handle: ({ params, body, actor }) => fleet.putConfig(params.id ?? '', body as DeviceConfigPatch, actor),
    },
    {
      method: 'get',
      path: '/devices/:id/rois',
      access: 'viewer',
      tag,
      summary: "ROIs of the device's first camera",
      answer: RoisAnswer,
      handle: async ({ params }) => fleet.rois(await firstCamera(fleet, params.id ?? '')),
    },
    {
      method: 'put',
      path: '/devices/:id/rois',
      access: 'operator',
      tag,
      summary: "Set the ROIs of the device's first camera",
      answer: RoisAnswer,
      errors: ['rois.invalid', 'rois.version_conflict'],
      body: RoiSet,
      handle: async ({ params, body, actor }) =>
        fleet.putRois(await firstCamera(fleet, params.id ?? ''), body as RoiSet, actor),
    },
  ];
}

async function firstCamera(fleet: FleetService, device: string): Promise<string> {
  const { cameras } = await fleet.device(device);
  return cameras[0] ?? '';
}
