import { CameraCreate, CameraPatch, CameraRecord, CameraTestBody, CameraWithKey } from '../../contracts/api.ts';
import { CameraTest } from '../../contracts/cameras.ts';
import { AppError } from '../../contracts/errors.ts';
import { RoiSet, RoisAnswer } from '../../contracts/rois.ts';
import { pageOf } from '../../contracts/schema.ts';
import type { FleetService } from '../../contracts/services.ts';
import type { IdempotencyCache } from '../idempotency.ts';
import { requireCamera } from '../list-query.ts';
import { Answer, type RouteSpec } from '../route.ts';
import { byCreation, ShortListQuery, shortPage } from '../short-list.ts';

/** Cameras and their ROIs. `test` tries an address; without it there are no cameras here to be tried. */
export function cameraRoutes(
  fleet: FleetService,
  idempotency: IdempotencyCache,
  test?: (url: string) => Promise<CameraTest>,
): RouteSpec[] {
  const tag = 'cameras';
  return [
    {
      method: 'get',
      path: '/cameras',
      access: 'viewer',
      tag,
      summary: 'Cameras that you may see, the newest first',
      query: ShortListQuery,
      answer: pageOf(CameraRecord),
      async handle({ query, user }) {
        const cameras = await fleet.cameras();
        return shortPage(
          cameras.filter((camera) => user.cameras === null || user.cameras.includes(camera.id)),
          byCreation,
          query,
        );
      },
    },
    {
      method: 'post',
      path: '/cameras',
      access: 'admin',
      tag,
      summary: 'Add a camera; its address is kept encrypted and never shown again',
      answer: CameraRecord,
      idempotent: true,
      errors: ['camera.exists', 'camera.id_reserved', 'camera.url_invalid', 'device.not_found'],
      body: CameraCreate,
      status: 201,
      handle: (context) =>
        idempotency.run(
          context,
          async () => new Answer(201, await fleet.createCamera(context.body as CameraCreate, context.actor)),
        ),
    },
    {
      method: 'post',
      path: '/cameras/test',
      access: 'admin',
      tag,
      summary: 'Try an address once without adding it: a still, then live; says in words what is wrong',
      answer: CameraTest,
      errors: ['camera.url_invalid', 'host.not_here'],
      body: CameraTestBody,
      handle({ body }) {
        if (!test) throw new AppError('host.not_here', 'this server has no cameras of its own');
        return test((body as CameraTestBody).url);
      },
    },
    {
      method: 'get',
      path: '/cameras/:id',
      access: 'viewer',
      tag,
      summary: 'One camera',
      answer: CameraRecord,
      handle({ params, user }) {
        requireCamera(user, params.id ?? '');
        return fleet.camera(params.id ?? '');
      },
    },
    {
      method: 'patch',
      path: '/cameras/:id',
      access: 'admin',
      tag,
      summary: 'Rename a camera or give it another address; without url the old one stays',
      answer: CameraRecord,
      errors: ['camera.url_invalid'],
      body: CameraPatch,
      handle({ params, body, user, actor }) {
        requireCamera(user, params.id ?? '');
        return fleet.patchCamera(params.id ?? '', body as CameraPatch, actor);
      },
    },
    {
      method: 'post',
      path: '/cameras/:id/renew-key',
      access: 'admin',
      tag,
      summary: 'Make up another key that Redeye sends to this camera; shown once, to be set at the camera too',
      answer: CameraWithKey,
      idempotent: true,
      handle: (context) =>
        idempotency.run(context, async () => {
          const { params, user, actor } = context;
          requireCamera(user, params.id ?? '');
          return new Answer(200, await fleet.renewCameraKey(params.id ?? '', actor), { 'Cache-Control': 'no-store' });
        }),
    },
    {
      method: 'delete',
      path: '/cameras/:id',
      access: 'admin',
      tag,
      summary: 'Delete a camera; its frames and events stay',
      status: 204,
      async handle({ params, user, actor }) {
        requireCamera(user, params.id ?? '');
        await fleet.deleteCamera(params.id ?? '', actor);
        return new Answer(204);
      },
    },
    {
      method: 'get',
      path: '/cameras/:id/rois',
      access: 'viewer',
      tag,
      summary: 'ROIs in force, with their version',
      answer: RoisAnswer,
      handle({ params, user }) {
        requireCamera(user, params.id ?? '');
        return fleet.rois(params.id ?? '');
      },
    },
    {
      method: 'put',
      path: '/cameras/:id/rois',
      access: 'operator',
      tag,
      summary: 'Set the ROIs; a stale version is refused; in force from the next frame on',
      answer: RoisAnswer,
      errors: ['rois.invalid', 'rois.version_conflict'],
      body: RoiSet,
      handle({ params, body, user, actor }) {
        requireCamera(user, params.id ?? '');
        return fleet.putRois(params.id ?? '', body as RoiSet, actor);
      },
    },
  ];
}
