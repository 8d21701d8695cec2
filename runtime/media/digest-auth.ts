import { createHash, randomBytes } from 'node:crypto';

export interface Login {
  user: string;
  password: string;
}

/**
 * The `Authorization` for what a server asked in `WWW-Authenticate` (RFC 7616 Digest with MD5 or SHA-256, qop auth or none; RFC 7617
 * Basic); undefined when it asks for something else. Digest goes first, since it does not show the password.
 */
export function authorize(
  challenge: string,
  login: Login,
  request: { method: string; uri: string },
  cnonce: string = randomBytes(8).toString('hex'),
): string | undefined {
  const asked = /(?:^|,\s*)digest\s+(.*)$/i.exec(challenge)?.[1];
  const digest = asked === undefined ? undefined : digestOf(parametersOf(asked), login, request, cnonce);
  if (digest !== undefined) return digest;
  if (!/(^|,\s*)basic\b/i.test(challenge)) return undefined;
  return `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}`;
}

function digestOf(
  { realm = '', nonce, algorithm = 'MD5', qop, opaque }: Record<string, string | undefined>,
  { user, password }: Login,
  { method, uri }: { method: string; uri: string },
  cnonce: string,
): string | undefined {
  const [, name = '', session] = /^(MD5|SHA-256)(-sess)?$/i.exec(algorithm) ?? [];
  const offersAuth = qop?.split(',').some((one) => one.trim() === 'auth');
  if (name === '' || nonce === undefined || (qop !== undefined && !offersAuth)) return undefined;
  const hash = (text: string) => createHash(name.replace('-', '').toLowerCase()).update(text).digest('hex');
  const plain = hash(`${user}:${realm}:${password}`);
  const secret = session ? hash(`${plain}:${nonce}:${cnonce}`) : plain;
  const asked = hash(`${method}:${uri}`);
  const count = '00000001';
  const middle = offersAuth ? `${nonce}:${count}:${cnonce}:auth` : nonce;
  const fields = [
    `username="${quoted(user)}"`,
    `realm="${quoted(realm)}"`,
    `nonce="${quoted(nonce)}"`,
    `uri="${uri}"`,
    `response="${hash(`${secret}:${middle}:${asked}`)}"`,
    `algorithm=${algorithm}`,
    ...(offersAuth || session ? [`cnonce="${cnonce}"`] : []),
    ...(offersAuth ? ['qop=auth', `nc=${count}`] : []),
    ...(opaque === undefined ? [] : [`opaque="${quoted(opaque)}"`]),
  ];
  return `Digest ${fields.join(', ')}`;
}

/** Reads `name="value", name=value`. */
function parametersOf(text: string): Record<string, string | undefined> {
  const pairs = text.matchAll(/([a-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/gi);
  return Object.fromEntries(
    [...pairs].map(([, name = '', inQuotes, plain]) => [
      name.toLowerCase(),
      inQuotes?.replace(/\\(.)/g, '$1') ?? plain,
    ]),
  );
}

function quoted(text: string): string {
  return text.replace(/[\\"]/g, '\\$&');
}
