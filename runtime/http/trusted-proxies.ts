import type { Request } from 'express';

const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-real-ip'];

/**
 * The address that a request comes from, or undefined when it says to have come through a proxy that nobody told us to trust: its own
 * address is then no sign of where it begins.
 */
export function tellingAddress(req: Request): string | undefined {
  const isTrusted = req.app.get('trust proxy fn') as (address: string, hop: number) => boolean;
  const isForwarded = FORWARDED.some((name) => req.get(name) !== undefined);
  return isForwarded && !isTrusted(req.socket.remoteAddress ?? '', 0) ? undefined : req.ip;
}

/** What Express is told of the proxies in front: their number where `TRUST_PROXY` is one (from the last backwards), else their addresses. */
export function trustedProxies(setting: string): string | number {
  return /^[1-9]$/.test(setting.trim()) ? Number(setting) : setting;
}
