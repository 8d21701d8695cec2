import { createHmac, createSign, generateKeyPairSync } from 'node:crypto';

const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const publicPem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function hs256(header: object, payload: object, key: string | Buffer): string {
  const signed = `${part({ alg: 'HS256', typ: 'JWT', ...header })}.${part(payload)}`;
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}

function rs256(header: object, payload: object): string {
  const signed = `${part({ alg: 'RS256', typ: 'JWT', ...header })}.${part(payload)}`;
  return `${signed}.${createSign('sha256').update(signed).sign(pair.privateKey, 'base64url')}`;
}

/**
 * Tokens that nobody should take, by what is wrong with them. `real` is a good one, to be bent; each holds `secret`, which no log may show.
 */
export function forgedTokens(real: string, secret: string): Record<string, string> {
  const [head = '', payload = '', signature = ''] = real.split('.');
  const claims = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()), secret };
  const admin = { ...claims, sub: '1', role: 'admin', exp: 4_000_000_000 };
  return {
    'alg none': `${part({ alg: 'none', typ: 'JWT' })}.${part(admin)}.`,
    'alg NONE': `${part({ alg: 'NoNe', typ: 'JWT' })}.${part(admin)}.${signature}`,
    'alg missing': `${part({ typ: 'JWT' })}.${part(admin)}.${signature}`,
    'weak key': hs256({}, admin, 'secret'),
    'empty key': hs256({}, admin, Buffer.alloc(1)),
    'public key as HMAC key': hs256({}, admin, publicPem),
    'another algorithm': rs256({}, admin),
    'kid as path': hs256({ kid: '../../../../dev/null' }, admin, ''),
    'kid as SQL': hs256({ kid: "' union select 'x' --" }, admin, 'x'),
    'jku of a stranger': rs256({ jku: 'http://127.0.0.1:9/keys' }, admin),
    'own jwk': rs256({ jwk: pair.publicKey.export({ format: 'jwk' }) }, admin),
    'crit header': hs256({ crit: ['exp'], exp: 1 }, admin, 'x'),
    'claims changed': `${head}.${part(admin)}.${signature}`,
    'user changed': `${head}.${part({ ...claims, sub: '1; drop table users' })}.${signature}`,
    'signature cut': `${head}.${payload}.${signature.slice(0, -4)}`,
    'signature missing': `${head}.${payload}.`,
    'five parts': `${real}.${part(secret)}.${part(secret)}`,
    'header is no JSON': `${Buffer.from(secret).toString('base64url')}.${payload}.${signature}`,
    'payload is no object': hs256({}, [secret], 'x'),
    'nothing but dots': '..',
    'very long': `${secret}${'A'.repeat(6000)}`,
    'plain words': secret,
  };
}
