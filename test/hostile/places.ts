import { type Attack, attacks, encode, type HostileRequest, INJECTED_HEADER, SCRIPT, type Target } from './attack.ts';
import { INJECTIONS, RAW_SEGMENTS } from './words.ts';

type Named = HostileRequest & { name: string };

/** Node-RED's admin API: every change of it is code on the server. */
const EDITOR = [
  'GET /flows',
  'POST /flows',
  'GET /flows/state',
  'POST /flows/state',
  'GET /flow/global',
  'PUT /flow/global',
  'DELETE /flow/global',
  'POST /flow',
  'GET /nodes',
  'POST /nodes',
  'PUT /nodes/node-red',
  'DELETE /nodes/node-red',
  'GET /context/global',
  'DELETE /context/global/x',
  'GET /library/local/flows',
  'POST /library/local/flows/x',
  'GET /credentials/x/1',
  'GET /settings/user',
  'POST /settings/user',
  'GET /diagnostics',
  'GET /plugins',
  'GET /projects',
  'POST /inject/1',
  'POST /debug/1/enable',
];

/** Addresses outside the API: the editor, health, pages, flows, and what is not there. */
export function placeAttacks(target: Target): Attack[] {
  const odd = [...INJECTIONS.map(encodeURIComponentSafely), ...RAW_SEGMENTS];
  const places = ['/', '/api/', '/api/v1/', '/editor/', '/editor/red/', '/assets/', '/healthz/', '/unheard/of/'];
  const get = (path: string, headers: Record<string, string> = {}): Named => ({
    name: `GET ${path.slice(0, 80)} ${Object.keys(headers).join()}`,
    method: 'GET',
    target: path,
    headers,
  });
  const everywhere = places.flatMap((place) => odd.map((segment) => get(place + segment)));
  const asPage = odd.map((segment) => get(`/${segment}`, { Accept: 'text/html' }));
  const special = [
    '*',
    '//evil.example/..',
    '/\\evil.example',
    '/./api/v1/users',
    '/api//v1//devices',
    '/API/V1/DEVICES',
    '/api/v1/devices/.',
    'http://evil.example/api/v1/devices',
    'http://[bad/',
    'http://[::1',
    'http://:0/',
    'https://a:b@evil.example/',
    'ftp://x/',
    'javascript:alert(1)',
    `/?q=${SCRIPT}`,
    `/${'a/'.repeat(4000)}`,
    '/healthz?x=%',
    '/readyz?verbose=%00',
    '/.env',
    '/.git/config',
    '/package.json',
    '/data/secrets.json',
    '/assets/../index.html',
    '/assets/..%2f..%2f..%2fpackage.json',
    '/editor/vendor/..%2f..%2f..%2fsettings.js',
    '/editor/locales/..%2f..%2fetc?lng=../../../etc/passwd',
    '/editor/icons/node-red/..%2f..%2f..%2fpackage.json',
    '/cgi-bin/.%2e/.%2e/bin/sh',
    '/wp-login.php',
    '/metrics?x=__proto__',
  ].map((path) => get(path));
  return [
    ...attacks(target.host, 'harmless', [...everywhere, ...asPage, ...special, ...badHosts()]),
    ...attacks(target.host, 'refused', editorRequests(target)),
    ...headerAttacks(target),
  ];
}

function editorRequests(target: Target): Named[] {
  const credentials: Record<string, Record<string, string>> = {
    nobody: {},
    'a forged token': { Authorization: `Bearer ${target.secret}` },
    'a device key': {
      Authorization: `Bearer ${target.devices[0]?.key ?? ''}`,
      'X-DEVICE-KEY': target.devices[0]?.key ?? '',
    },
  };
  const closed = EDITOR.flatMap((line) => {
    const [method = '', path = ''] = line.split(' ');
    return Object.entries(credentials).map(
      ([who, headers]): Named => ({
        name: `${method} /editor${path} as ${who}`,
        method,
        target: `/editor${path}`,
        headers: { ...headers, 'Content-Type': 'application/json', 'Node-RED-Deployment-Type': 'full' },
        ...(method !== 'GET' && { body: '{"module":"left-pad","flows":[],"label":"x"}' }),
      }),
    );
  });
  const login = (name: string, body: string, type = 'application/json'): Named => ({
    name: `POST /editor/auth/token ${name}`,
    method: 'POST',
    target: '/editor/auth/token',
    headers: { 'Content-Type': type },
    body,
  });
  const asking = { client_id: 'node-red-editor', grant_type: 'password', scope: '*', password: target.secret };
  return [
    ...closed,
    login('without a body', ''),
    login('broken', '{"client_id":'),
    login('deep', '['.repeat(10_000)),
    login('a list as user', JSON.stringify({ ...asking, username: ['mallory'] })),
    login('an object as user', JSON.stringify({ ...asking, username: { $ne: null } })),
    login('NUL as user', JSON.stringify({ ...asking, username: '\0' })),
    login('another client', JSON.stringify({ ...asking, client_id: '__proto__', username: 'x' })),
    login('another grant', JSON.stringify({ ...asking, grant_type: 'constructor', username: 'x' })),
    login(
      'as a form',
      'client_id=node-red-editor&grant_type=password&username[]=x&password[]=y',
      'application/x-www-form-urlencoded',
    ),
    login('of 6 MB', JSON.stringify({ ...asking, username: 'x'.repeat(6_000_000) })),
  ];
}

function badHosts(): Named[] {
  const hosts = ['evil.example', 'localhost:99999', '[::1', '../..', `${SCRIPT}`, 'a'.repeat(5000), "' or 1=1"];
  return hosts.map((host) => ({
    name: `host ${host.slice(0, 40)}`,
    method: 'GET',
    target: '/',
    headers: { Host: host },
  }));
}

/** Headers that lie, are too many or too large, or would break a line. */
function headerAttacks({ host, token, secret, devices }: Target): Attack[] {
  const path = '/api/v1/devices';
  const authorization = { Authorization: `Bearer ${token}` };
  const create = { 'Content-Type': 'application/json', ...authorization };
  const odd = [
    'Origin',
    'Referer',
    'User-Agent',
    'X-Forwarded-For',
    'X-Real-IP',
    'Forwarded',
    'Accept',
    'Accept-Language',
    'If-None-Match',
    'Range',
    'Last-Event-ID',
    'X-Redeye-Console',
    'Sec-Fetch-Site',
    'Cookie',
  ].flatMap((name) =>
    INJECTIONS.filter((text) => !/[\r\n\0]/.test(text) && text.length < 2000)
      .filter((_, at) => at % 4 === name.length % 4)
      .map(
        (text): Named => ({
          name: `${name}: ${text.slice(0, 40)}`,
          method: 'GET',
          target: path,
          headers: { ...authorization, [name]: text },
        }),
      ),
  );
  const config = {
    method: 'GET',
    target: `/api/v1/device/config?secret=${secret}`,
    headers: { 'X-DEVICE-KEY': `${secret}-key` },
  };
  const refused: Named[] = [
    {
      name: 'a header of 20 KB',
      method: 'GET',
      target: path,
      headers: { ...authorization, 'X-Big': 'x'.repeat(20_000) },
    },
    { name: 'an address of 20 KB', method: 'GET', target: `/${'x'.repeat(20_000)}`, headers: authorization },
    { name: 'an expectation', method: 'POST', target: path, headers: { ...create, Expect: secret }, body: '{}' },
    {
      name: 'an empty Idempotency-Key',
      method: 'POST',
      target: path,
      headers: { ...create, 'Idempotency-Key': '' },
      body: '{"name":"x"}',
    },
    {
      name: 'a long Idempotency-Key',
      method: 'POST',
      target: path,
      headers: { ...create, 'Idempotency-Key': 'k'.repeat(300) },
      body: '{"name":"x"}',
    },
    { name: 'a key in the address', ...config },
    {
      name: "another device's config",
      method: 'GET',
      target: `/api/v1/device/config?device_id=${devices[1]?.id}`,
      headers: { 'X-DEVICE-KEY': devices[0]?.key ?? '' },
    },
    {
      name: 'device_id twice',
      method: 'GET',
      target: `/api/v1/device/config?device_id=${devices[0]?.id}&device_id=${devices[1]?.id}`,
      headers: { 'X-DEVICE-KEY': devices[0]?.key ?? '' },
    },
  ];
  const many = Object.fromEntries(Array.from({ length: 900 }, (_, n) => [`X-${n}`, 'y']));
  const split = `GET / HTTP/1.1\r\nHost: ${host}\r\nX-A: b\r\n ${INJECTED_HEADER}: folded\r\nConnection: close\r\n\r\n`;
  return [
    ...attacks(host, 'harmless', odd),
    ...attacks(host, 'refused', refused),
    { name: '900 headers', expected: 'harmless', bytes: encode(host, { method: 'GET', target: path, headers: many }) },
    { name: 'a folded header', expected: 'harmless', bytes: Buffer.from(split) },
  ];
}

function encodeURIComponentSafely(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
