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
import { AppError } from '../../contracts/errors.ts';
import { RoiSet, RoisAnswer } from '../../contracts/rois.ts';
import { pageOf } from '../../contracts/schema.ts';
import type { FleetService } from '../../contracts/services.ts';
import type { User } from '../../contracts/users.ts';
import type { IdempotencyCache } from '../idempotency.ts';
import { requireCamera } from '../list-query.ts';
import { Answer, type RouteSpec } from '../route.ts';
import { byCreation, ShortListQuery, shortPage } from '../short-list.ts';

/** Devices, their keys and configuration. */
export function deviceRoutes(fleet: FleetService, idempotency: IdempotencyCache): RouteSpec[] {
  const tag = 'devices';
  const mine = (user: User, cameras: string[]) =>
    user.cameras === null || cameras.some((id) => user.cameras?.includes(id));
  /** The device as this user may see it; throws `auth.forbidden` when none of its cameras is theirs. */
  const visible = async (id: string, user: User): Promise<DeviceRecord> => {
    const device = await fleet.device(id);
    if (!mine(user, device.cameras)) throw new AppError('auth.forbidden', `you may not see the device ${id}`);
    return shownTo(user, device);
  };
  const requireDevice = async (id: string, user: User): Promise<void> => {
    if (user.cameras !== null) await visible(id, user);
  };
  return [
    {
      method: 'get',
      path: '/devices',
      access: 'viewer',
      tag,
      byEditor: true,
      summary: 'Devices with state, mode, last seen and last frame, the newest first',
      query: ShortListQuery,
      answer: pageOf(DeviceRecord),
      async handle({ query, user }) {
        const devices = await fleet.devices();
        const seen = devices.filter((device) => mine(user, device.cameras));
        return shortPage(
          seen.map((device) => shownTo(user, device)),
          byCreation,
          query,
        );
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
      handle: ({ params, user }) => visible(params.id ?? '', user),
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
      async handle({ params, body, user, actor }) {
        await requireDevice(params.id ?? '', user);
        return fleet.patchDevice(params.id ?? '', body as DevicePatch, actor);
      },
    },
    {
      method: 'delete',
      path: '/devices/:id',
      access: 'admin',
      tag,
      summary: 'Delete a device; its frames and events stay, and its seq goes on when it is registered again',
      errors: ['device.built_in'],
      status: 204,
      async handle({ params, user, actor }) {
        await requireDevice(params.id ?? '', user);
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
      // Whoever lost the answer and asks again would else end the key that the device has.
      idempotent: true,
      errors: ['device.built_in'],
      handle: (context) =>
        idempotency.run(context, async () => {
          const { params, user, actor, body } = context;
          await requireDevice(params.id ?? '', user);
          const made = await fleet.rotateKey(params.id ?? '', actor, body as DeviceRotate);
          return new Answer(200, made, { 'Cache-Control': 'no-store' });
        }),
    },
    {
      method: 'get',
      path: '/devices/:id/config',
      access: 'viewer',
      tag,
      summary: 'The configuration in force',
      answer: ConfigAnswer,
      async handle({ params, user }) {
        await requireDevice(params.id ?? '', user);
        return fleet.config(params.id ?? '');
      },
    },
    {
      method: 'put',
      path: '/devices/:id/config',
      access: 'operator',
      tag,
      summary: 'Change any of the fields; the rest stays',
      answer: ConfigAnswer,
      body: DeviceConfigPut,
      async handle({ params, body, user, actor }) {
        await requireDevice(params.id ?? '', user);
        return fleet.putConfig(params.id ?? '', body as DeviceConfigPatch, actor);
      },
    },
    {
      method: 'get',
      path: '/devices/:id/rois',
      access: 'viewer',
      tag,
      summary: "ROIs of the device's first camera",
      answer: RoisAnswer,
      handle: async ({ params, user }) => fleet.rois(await firstCamera(fleet, params.id ?? '', user)),
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
      handle: async ({ params, body, user, actor }) =>
        fleet.putRois(await firstCamera(fleet, params.id ?? '', user), body as RoiSet, actor),
    },
  ];
}

async function firstCamera(fleet: FleetService, device: string, user: User): Promise<string> {
  const [camera = ''] = (await fleet.device(device)).cameras;
  requireCamera(user, camera);
  return camera;
}

/** Without the cameras that the user may not see, also where the device itself names them. */
function shownTo({ cameras }: User, device: DeviceRecord): DeviceRecord {
  if (cameras === null) return device;
  const announced = Array.isArray(device.info.cameras) ? (device.info.cameras as { id?: unknown }[]) : [];
  const info = { ...device.info, cameras: announced.filter(({ id }) => cameras.includes(String(id))) };
  return { ...device, cameras: device.cameras.filter((id) => cameras.includes(id)), info };
}
