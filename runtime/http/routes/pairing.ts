import { DeviceRecord } from '../../contracts/api.ts';
import { AppError } from '../../contracts/errors.ts';
import { PairingClaim, PairingCode, PairingRegister, PairingState } from '../../contracts/pairing.ts';
import type { FleetService } from '../../contracts/services.ts';
import type { IdempotencyCache } from '../idempotency.ts';
import { Answer, type RouteSpec } from '../route.ts';

const NOT_KEPT = { 'Cache-Control': 'no-store' };

/** How a device without a key gets one: it shows a code, an administrator types it. */
export function pairingRoutes(fleet: Pick<FleetService, 'pairing'>, idempotency: IdempotencyCache): RouteSpec[] {
  const tag = 'pairing';
  return [
    {
      method: 'post',
      path: '/pairing/register',
      access: 'open',
      tag,
      summary: 'A device asks for a code to show; good for ten minutes',
      body: PairingRegister,
      status: 201,
      answer: PairingCode,
      errors: ['pairing.too_many'],
      handle: async ({ body, req }) =>
        new Answer(201, await fleet.pairing.register(body as PairingRegister, req.ip ?? ''), NOT_KEPT),
    },
    {
      method: 'get',
      path: '/pairing/poll',
      access: 'open',
      tag,
      summary: 'The device asks whether its code was typed (Bearer poll_token); its sealed key is in the answer once',
      answer: PairingState,
      errors: ['auth.missing', 'pairing.unknown'],
      async handle({ req }) {
        const [, token] = /^Bearer ([A-Za-z0-9_-]{43})$/i.exec(req.get('Authorization') ?? '') ?? [];
        if (token === undefined)
          throw new AppError('auth.missing', 'this needs "Authorization: Bearer" and the poll_token');
        return new Answer(200, await fleet.pairing.poll(token), NOT_KEPT);
      },
    },
    {
      method: 'post',
      path: '/pairing/claim',
      access: 'admin',
      tag,
      summary: 'Register the device that shows this code, or give a known one a new key',
      body: PairingClaim,
      status: 201,
      answer: DeviceRecord,
      idempotent: true,
      errors: ['pairing.unknown', 'pairing.too_many', 'device.not_found', 'device.built_in'],
      handle: (context) =>
        idempotency.run(
          context,
          async () => new Answer(201, await fleet.pairing.claim(context.body as PairingClaim, context.actor)),
        ),
    },
  ];
}
