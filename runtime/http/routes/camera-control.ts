import { type Static, Type } from 'typebox';
import { CameraSettingsChange } from '../../contracts/cameras.ts';
import {
  CameraSettingsAnswer,
  CameraStatusAnswer,
  CaptureBody,
  type GalleryService,
  ImageRecord,
} from '../../contracts/gallery.ts';
import {
  CameraTelemetry,
  LocalAccess,
  PREVIEW_NAME,
  REMOTE_MODES,
  RemoteStream,
} from '../../contracts/remote-cameras.ts';
import { nullable } from '../../contracts/schema.ts';
import type { IdempotencyCache } from '../idempotency.ts';
import { requireCamera } from '../list-query.ts';
import { Answer, type RouteSpec } from '../route.ts';

const SettingsPut = Type.Object(CameraSettingsChange.properties, {
  title: 'CameraSettingsPut',
  additionalProperties: false,
  minProperties: 1,
});

const Fresh = Type.Object(
  {
    fresh: Type.Optional(Type.Boolean({ description: 'ask the camera now; else the answer may be half a minute old' })),
  },
  { additionalProperties: false },
);

const ModePut = Type.Object(
  { mode: nullable(Type.Enum([...REMOTE_MODES])) },
  { title: 'CameraModePut', additionalProperties: false },
);

const FIRST = 'index.m3u8';
const PreviewQuery = Type.Object(
  { file: Type.Optional(Type.String({ pattern: PREVIEW_NAME, maxLength: 200, default: FIRST })) },
  { additionalProperties: false },
);

/** What files of HLS are; what the camera calls them is not handed on. */
const TYPES: Readonly<Record<string, string>> = {
  m3u8: 'application/vnd.apple.mpegurl',
  ts: 'video/mp2t',
  mp4: 'video/mp4',
  m4s: 'video/mp4',
};

/** A picture on request, and the settings of the camera that takes it. */
export function cameraControlRoutes(gallery: GalleryService, idempotency: IdempotencyCache): RouteSpec[] {
  return [...controlRoutes(gallery, idempotency), ...previewRoutes(gallery, idempotency)];
}

/** The live picture that a camera with an API of its own makes itself (seed 000, S0.19). */
function previewRoutes(gallery: GalleryService, idempotency: IdempotencyCache): RouteSpec[] {
  const tag = 'cameras';
  return [
    {
      method: 'post',
      path: '/cameras/:id/preview',
      access: 'operator',
      tag,
      summary: 'Have a camera with an API of its own (seed 000) show itself live; every other is watched without',
      answer: RemoteStream,
      status: 201,
      idempotent: true,
      errors: ['camera.not_found', 'camera.not_supported', 'camera.unreachable', 'camera.busy'],
      async handle(context) {
        const { params, user } = context;
        requireCamera(user, params.id ?? '');
        return idempotency.run(context, async () => new Answer(201, await gallery.startPreview(params.id ?? '')));
      },
    },
    {
      method: 'delete',
      path: '/cameras/:id/preview',
      access: 'operator',
      tag,
      summary: 'End that',
      status: 204,
      errors: ['camera.not_found', 'camera.not_supported', 'camera.unreachable', 'stream.not_found'],
      async handle({ params, user }) {
        requireCamera(user, params.id ?? '');
        await gallery.stopPreview(params.id ?? '');
        return new Answer(204, undefined);
      },
    },
    {
      method: 'get',
      path: '/cameras/:id/preview',
      access: 'viewer',
      tag,
      summary: 'A file of its HLS as the camera has it: index.m3u8, and what that names',
      query: PreviewQuery,
      produces: 'application/vnd.apple.mpegurl',
      errors: ['camera.not_found', 'camera.not_supported', 'camera.unreachable', 'stream.gone'],
      async handle({ params, query, user }) {
        requireCamera(user, params.id ?? '');
        const file = (query.file as string | undefined) ?? FIRST;
        const bytes = await gallery.previewFile(params.id ?? '', file);
        const type = TYPES[file.split('.').at(-1) ?? ''] ?? 'application/octet-stream';
        return new Answer(200, bytes, { 'Content-Type': type, 'Cache-Control': 'no-store' });
      },
    },
  ];
}

function controlRoutes(gallery: GalleryService, idempotency: IdempotencyCache): RouteSpec[] {
  const tag = 'cameras';
  return [
    {
      method: 'post',
      path: '/cameras/:id/capture',
      access: 'operator',
      tag,
      summary: 'Take a picture now and keep it; exposure and gain hold for this one',
      body: CaptureBody,
      answer: ImageRecord,
      status: 201,
      idempotent: true,
      errors: [
        'camera.not_found',
        'product.not_found',
        'camera.setting_invalid',
        'camera.unreachable',
        'camera.no_picture',
        'capture.busy',
        'image.unsaved',
        'disk.full',
      ],
      handle(context) {
        const { params, body, user, actor, res } = context;
        const camera = params.id ?? '';
        requireCamera(user, camera);
        return idempotency.run(context, async () => {
          const gone = new AbortController();
          // Nobody is there to be told any more: a camera must not be kept busy for that.
          const onClose = () => gone.abort(new Error('the asker went'));
          res.once('close', onClose);
          try {
            // Whoever came by an open dialect is nobody in the table of users.
            const asker = { ...actor, userId: user.id || undefined };
            return new Answer(201, await gallery.capture(camera, body as CaptureBody, asker, gone.signal));
          } finally {
            res.off('close', onClose);
          }
        });
      },
    },
    {
      method: 'get',
      path: '/cameras/:id/settings',
      access: 'viewer',
      tag,
      summary: 'How a camera captures, and what of it can be changed',
      query: Fresh,
      answer: CameraSettingsAnswer,
      errors: ['camera.not_found', 'camera.unreachable', 'camera.no_picture'],
      handle({ params, query, user }) {
        requireCamera(user, params.id ?? '');
        return gallery.settings(params.id ?? '', { fresh: query.fresh === true });
      },
    },
    {
      method: 'put',
      path: '/cameras/:id/settings',
      access: 'operator',
      tag,
      summary: 'Change what is named; it holds until the server or the device is started again',
      body: SettingsPut,
      answer: CameraSettingsAnswer,
      errors: ['camera.not_found', 'camera.setting_invalid', 'camera.unreachable', 'camera.no_picture'],
      handle({ params, body, user, actor }) {
        requireCamera(user, params.id ?? '');
        return gallery.applySettings(params.id ?? '', body as CameraSettingsChange, actor);
      },
    },
    {
      method: 'get',
      path: '/cameras/:id/status',
      access: 'viewer',
      tag,
      summary: 'Whether a camera is there, and streams',
      query: Fresh,
      answer: CameraStatusAnswer,
      errors: ['camera.not_found'],
      handle({ params, query, user }) {
        requireCamera(user, params.id ?? '');
        return gallery.status(params.id ?? '', query.fresh === true);
      },
    },
    {
      method: 'put',
      path: '/cameras/:id/mode',
      access: 'operator',
      tag,
      summary:
        'Wake a camera with an API of its own (seed 000) for stills or video, or rest it; others do so by themselves',
      body: ModePut,
      answer: CameraStatusAnswer,
      errors: ['camera.not_found', 'camera.not_supported', 'camera.unreachable', 'camera.busy'],
      handle({ params, body, user }) {
        requireCamera(user, params.id ?? '');
        return gallery.setMode(params.id ?? '', (body as Static<typeof ModePut>).mode);
      },
    },
    {
      method: 'get',
      path: '/cameras/:id/telemetry',
      access: 'viewer',
      tag,
      summary: 'How the machine is that a camera hangs on: its own, its device or this server',
      query: Fresh,
      answer: CameraTelemetry,
      errors: ['camera.not_found', 'camera.not_supported', 'camera.unreachable'],
      handle({ params, query, user }) {
        requireCamera(user, params.id ?? '');
        return gallery.telemetry(params.id ?? '', query.fresh === true);
      },
    },
    {
      method: 'get',
      path: '/cameras/:id/local-access',
      access: 'operator',
      tag,
      summary: 'Addresses and key with which a camera with an API of its own is reached in its own network',
      answer: LocalAccess,
      errors: ['camera.not_found', 'camera.not_supported', 'camera.unreachable'],
      async handle({ params, user }) {
        requireCamera(user, params.id ?? '');
        return new Answer(200, await gallery.localAccess(params.id ?? ''), { 'Cache-Control': 'no-store' });
      },
    },
  ];
}
