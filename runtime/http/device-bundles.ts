import { type RequestHandler, Router } from 'express';
import { MAX_BUNDLE_BYTES } from '../contracts/deployments.ts';
import { AppError, toAppError } from '../contracts/errors.ts';
import type { Clock, Log } from '../contracts/host.ts';
import type { DeploymentService, FleetService } from '../contracts/services.ts';
import { allowOf, notAllowed } from '../lib/methods.ts';
import { refuse } from './ingest/answer.ts';

const MAX_KEY_CHARS = 512;

export interface DeviceBundlesOptions {
  fleet: Pick<FleetService, 'deviceOfKey'>;
  deployments: Pick<DeploymentService, 'bundlePart'>;
  clock: Clock;
  log: Log;
}

/** `GET /device/bundles/{sha256}` with the device's key: its own bundles and no others, whole or one range (RFC 9110 §14). */
export function deviceBundles({ fleet, deployments, clock, log }: DeviceBundlesOptions): RequestHandler {
  const router = Router();
  router
    .route('/device/bundles/:sha256')
    .get(async (req, res) => {
      try {
        const key = req.headers['x-device-key'] ?? req.headers['x-api-key'];
        if (key === undefined || key === '') throw new AppError('auth.missing', 'the header X-DEVICE-KEY is missing');
        const usable = typeof key === 'string' && key.length <= MAX_KEY_CHARS;
        const device = usable ? await fleet.deviceOfKey(key) : undefined;
        if (!device) throw new AppError('auth.invalid', 'the device key is not known');
        if (device.disabled) throw new AppError('device.disabled', `device ${device.id} is disabled`);
        const range = rangeOf(req.headers.range);
        const [from, to] = range ?? [0, MAX_BUNDLE_BYTES];
        const sha256 = String(req.params.sha256);
        const { bytes, size } = await deployments.bundlePart(device.id, sha256, from, to);
        const headers = { 'Accept-Ranges': 'bytes', 'Cache-Control': 'private, no-store', ETag: `"${sha256}"` };
        if (range && bytes.length === 0) {
          res.writeHead(416, { ...headers, 'Content-Range': `bytes */${size}` }).end();
          return;
        }
        res.writeHead(range ? 206 : 200, {
          ...headers,
          'Content-Type': 'application/octet-stream',
          'Content-Length': bytes.length,
          'X-Content-Type-Options': 'nosniff',
          ...(range && { 'Content-Range': `bytes ${from}-${from + bytes.length - 1}/${size}` }),
        });
        res.end(bytes);
      } catch (thrown) {
        const error = toAppError(thrown);
        if (error.code === 'internal.error') log.error('a bundle was not served', { error: thrown });
        refuse(req, res, error, clock);
      }
    })
    .all((req, res) => {
      const allow = allowOf(['GET']);
      res.setHeader('Allow', allow);
      if (req.method === 'OPTIONS') res.writeHead(204).end();
      else refuse(req, res, notAllowed(req.method, allow), clock);
    });
  return router;
}

/** `[from, to)` of a single range; undefined, so the whole, for any other kind, as the RFC allows. */
function rangeOf(header: string | undefined): [number, number] | undefined {
  const [, first, last] = /^bytes=(\d{1,10})-(\d{0,10})$/.exec(header ?? '') ?? [];
  if (first === undefined) return undefined;
  const from = Number(first);
  const to = last ? Number(last) + 1 : from + MAX_BUNDLE_BYTES;
  return to > from ? [from, Math.min(to, from + MAX_BUNDLE_BYTES)] : undefined;
}
