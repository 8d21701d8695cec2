import {
  DeploymentCreate,
  DeploymentPage,
  DeploymentPreview,
  DeploymentRecord,
  DeviceFlows,
  SigningAnswer,
  SigningRequest,
} from '../../contracts/deployments.ts';
import { AppError } from '../../contracts/errors.ts';
import type { DeploymentService } from '../../contracts/services.ts';
import type { User } from '../../contracts/users.ts';
import type { IdempotencyCache } from '../idempotency.ts';
import { Answer, type RouteSpec } from '../route.ts';
import { ShortListQuery } from '../short-list.ts';

/** Flows for devices. They are code, and reach every camera of a device: only an admin of all cameras sends them. */
export function deploymentRoutes(deployments: DeploymentService, idempotency: IdempotencyCache): RouteSpec[] {
  const tag = 'deployments';
  const requireAll = (user: User) => {
    if (user.cameras !== null) throw new AppError('auth.forbidden', 'deployments are about all cameras of a device');
  };
  const one = { tag, access: 'admin' as const, byEditor: true as const, answer: DeploymentRecord };
  return [
    {
      ...one,
      access: 'operator',
      method: 'get',
      path: '/deployments',
      summary: 'What was deployed to devices: who, what, and what became of it',
      query: ShortListQuery,
      answer: DeploymentPage,
      errors: ['deployment.not_found'],
      handle({ query, user }) {
        requireAll(user);
        const { limit = 50, cursor } = query as { limit?: number; cursor?: string };
        return deployments.list({ limit, ...(cursor !== undefined && { cursor }) });
      },
    },
    {
      ...one,
      method: 'post',
      path: '/deployments',
      summary: 'Send the edge tabs, as they are now, to devices',
      body: DeploymentCreate,
      status: 201,
      errors: ['deployment.no_devices', 'deployment.nothing_new', 'deployment.no_sealing_key', 'flow.invalid'],
      idempotent: true,
      handle: (context) => {
        requireAll(context.user);
        return idempotency.run(
          context,
          async () => new Answer(201, await deployments.create(context.body as DeploymentCreate, context.actor)),
        );
      },
    },
    {
      ...one,
      method: 'post',
      path: '/deployments/preview',
      summary: 'What a deployment would change on each device, node by node; nothing is sent',
      body: DeploymentCreate,
      answer: DeploymentPreview,
      errors: ['deployment.no_devices', 'flow.invalid'],
      handle({ body, user }) {
        requireAll(user);
        return deployments.preview(body as DeploymentCreate);
      },
    },
    {
      ...one,
      method: 'get',
      path: '/devices/:id/flows',
      summary: 'What runs on a device now, asked of it, and how it differs from the edge tabs here',
      answer: DeviceFlows,
      errors: ['device.not_found', 'device.offline', 'command.timeout', 'flows.stopped', 'flow.invalid'],
      handle({ params, user }) {
        requireAll(user);
        return deployments.running(params.id ?? '');
      },
    },
    {
      ...one,
      access: 'operator',
      method: 'get',
      path: '/deployments/:id',
      summary: 'One deployment with its devices',
      errors: ['deployment.not_found'],
      handle({ params, user }) {
        requireAll(user);
        return deployments.get(params.id ?? '');
      },
    },
    {
      ...one,
      method: 'post',
      path: '/deployments/:id/abort',
      summary: 'Tell nobody else of it; devices that have begun go on',
      errors: ['deployment.not_found', 'deployment.over'],
      handle({ actor, params, user }) {
        requireAll(user);
        return deployments.abort(params.id ?? '', actor);
      },
    },
    {
      ...one,
      method: 'post',
      path: '/deployments/:id/rollback',
      summary: 'Deploy what its devices ran before',
      status: 201,
      errors: ['deployment.not_found', 'deployment.over', 'bundle.gone'],
      idempotent: true,
      handle: (context) => {
        requireAll(context.user);
        const { actor, params } = context;
        return idempotency.run(
          context,
          async () => new Answer(201, await deployments.rollback(params.id ?? '', actor)),
        );
      },
    },
    {
      ...one,
      method: 'get',
      path: '/deployments/:id/signing-request',
      summary: 'What `npm run sign` signs elsewhere, where the key is not on this server',
      answer: SigningRequest,
      errors: ['deployment.not_found', 'deployment.not_waiting', 'bundle.gone'],
      handle({ params, user }) {
        requireAll(user);
        return deployments.signingRequest(params.id ?? '');
      },
    },
    {
      ...one,
      method: 'post',
      path: '/deployments/:id/signatures',
      summary: 'Hand in signatures that were made elsewhere; the deployment begins',
      body: SigningAnswer,
      errors: ['deployment.not_found', 'deployment.not_waiting', 'deployment.signature_invalid'],
      handle({ actor, body, params, user }) {
        requireAll(user);
        return deployments.sign(params.id ?? '', body as SigningAnswer, actor);
      },
    },
  ];
}
