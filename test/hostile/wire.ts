import type { Attack, Target } from './attack.ts';
import type { Random } from './random.ts';

/** Would be answered with 200. */
const SMUGGLED = (host: string, token: string) =>
  `GET /api/v1/auth/me HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n\r\n`;

/**
 * Bytes that are no HTTP, or that two readers would cut at different places (RFC 9112 §6, §11.2). A good second request hides in
 * the bodies: whoever runs it has been fooled.
 */
export function wireAttacks({ host, token }: Target, random: Random): Attack[] {
  const hidden = SMUGGLED(host, token);
  const post = (headers: string, body = '') =>
    `POST /api/v1/auth/login HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n${headers}\r\n\r\n${body}`;
  const get = (line: string, headers = `Host: ${host}`) => `${line}\r\n${headers}\r\nConnection: close\r\n\r\n`;
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
  const list: [string, string | Buffer][] = [
    ['length and chunks', post('Content-Length: 5\r\nTransfer-Encoding: chunked', `0\r\n\r\n${hidden}`)],
    ['chunks and length', post(`Transfer-Encoding: chunked\r\nContent-Length: ${hidden.length}`, `0\r\n\r\n${hidden}`)],
    ['chunked with a tab', post('Transfer-Encoding:\tchunked\r\nContent-Length: 4', `0\r\n\r\n${hidden}`)],
    ['xchunked', post('Transfer-Encoding: xchunked', `0\r\n\r\n${hidden}`)],
    ['chunked, identity', post('Transfer-Encoding: chunked, identity', `0\r\n\r\n${hidden}`)],
    ['identity', post('Transfer-Encoding: identity', hidden)],
    ['two transfer encodings', post('Transfer-Encoding: x\r\nTransfer-Encoding: chunked', `0\r\n\r\n${hidden}`)],
    ['a space before the colon', post('Transfer-Encoding : chunked\r\nContent-Length: 4', `0\r\n\r\n${hidden}`)],
    ['a folded transfer encoding', post('Transfer-Encoding:\r\n chunked\r\nContent-Length: 4', `0\r\n\r\n${hidden}`)],
    ['NUL in the name', post('Transfer-Enc\0oding: chunked', `0\r\n\r\n${hidden}`)],
    ['two lengths', post('Content-Length: 0\r\nContent-Length: 44', hidden)],
    ['a list of lengths', post('Content-Length: 2, 44', hidden)],
    ['a negative length', post('Content-Length: -1', hidden)],
    ['a signed length', post('Content-Length: +2', `{}${hidden}`)],
    ['a length in hex', post('Content-Length: 0x2', `{}${hidden}`)],
    ['an endless length', post(`Content-Length: ${'9'.repeat(30)}`, hidden)],
    ['a length with words', post('Content-Length: 2 bytes', `{}${hidden}`)],
    ['a chunk of negative size', post('Transfer-Encoding: chunked', `-1\r\n${hidden}`)],
    ['a chunk of endless size', post('Transfer-Encoding: chunked', `${'f'.repeat(40)}\r\n${hidden}`)],
    ['a chunk without its size', post('Transfer-Encoding: chunked', `\r\n${hidden}`)],
    ['a chunk longer than said', post('Transfer-Encoding: chunked', `1\r\n{}${hidden}\r\n0\r\n\r\n`)],
    ['a chunk size with a sign', post('Transfer-Encoding: chunked', `+2\r\n{}\r\n0\r\n\r\n${hidden}`)],
    ['a chunk with a lone line feed', post('Transfer-Encoding: chunked', `2\n{}\n0\n\n${hidden}`)],
    ['a chunk extension without end', post('Transfer-Encoding: chunked', `2;${'x'.repeat(40_000)}\r\n{}\r\n0\r\n\r\n`)],
    ['trailers that set a length', post('Transfer-Encoding: chunked', `${chunk('{')}0\r\nContent-Length: 900\r\n\r\n`)],
    ['20 000 trailers', post('Transfer-Encoding: chunked', `${chunk('{')}0\r\n${'T: x\r\n'.repeat(20_000)}\r\n`)],
    ['no host', get('GET / HTTP/1.1', 'X: y')],
    ['no version', 'GET /\r\n\r\n'],
    ['version 0.9', get('GET / HTTP/0.9')],
    ['version 3', get('GET / HTTP/3.0')],
    ['version 11', get('GET / HTTP/11')],
    ['HTTP/2 without asking', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['only line feeds', `GET /api/v1/devices HTTP/1.1\nHost: ${host}\n\n`],
    ['only carriage returns', `GET /api/v1/devices HTTP/1.1\rHost: ${host}\r\r`],
    ['a carriage return in a header', get('GET /api/v1/devices HTTP/1.1', `Host: ${host}\r\nX: a\rX-Injected: yes`)],
    ['spaces in the address', get('GET /api /v1/devices HTTP/1.1')],
    ['NUL in the address', get('GET /api\0/v1 HTTP/1.1')],
    ['umlauts in the address', get('GET /\u00e4\u00f6 HTTP/1.1')],
    ['no address', get('GET  HTTP/1.1')],
    ['a header without a name', get('GET /api/v1/me HTTP/1.1', `Host: ${host}\r\n: x`)],
    ['a header without a colon', get('GET /api/v1/me HTTP/1.1', `Host: ${host}\r\nwords`)],
    ['NUL in a header', get('GET /api/v1/me HTTP/1.1', `Host: ${host}\r\nX: a\0b`)],
    ['two hosts', get('GET /api/v1/me HTTP/1.1', `Host: ${host}\r\nHost: evil.example`)],
    ['a tunnel', 'CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n'],
    ['a proxy request', get('GET http://127.0.0.1:22/ HTTP/1.1')],
    ['a TLS hello', Buffer.from('16030100c8010000c403035500000000', 'hex')],
    ['an SSH hello', 'SSH-2.0-OpenSSH_9.9\r\n'],
    ['a mail', 'EHLO evil.example\r\n'],
    ['a MQTT hello', Buffer.from('100c00044d5154540402003c0000', 'hex')],
    ['a redis command', '*1\r\n$8\r\nFLUSHALL\r\n'],
    ['an RTSP request', 'OPTIONS rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\n\r\n'],
    ['zeros', Buffer.alloc(5000)],
    ['line breaks', '\r\n'.repeat(50_000)],
    ['an endless method', 'A'.repeat(100_000)],
    ['an endless header name', `GET / HTTP/1.1\r\n${'N'.repeat(100_000)}`],
    ...Array.from({ length: 30 }, (_, n): [string, Buffer] => [`noise ${n}`, random.bytes(random.int(16, 600))]),
    ...Array.from({ length: 30 }, (_, n): [string, Buffer] => [
      `a request with noise ${n}`,
      noisy(get('GET /api/v1/me HTTP/1.1'), random),
    ]),
  ];
  return list.map(([name, bytes]) => ({ name: `wire, ${name}`, expected: 'harmless', bytes: Buffer.from(bytes) }));
}

/** The text with some of its bytes changed. */
function noisy(text: string, random: Random): Buffer {
  const bytes = Buffer.from(text);
  for (let n = 0; n < 4; n += 1) bytes.writeUInt8(random.int(0, 256), random.int(0, bytes.length));
  return bytes;
}

/** Bodies that end before they said: sent with our side closed, since a server may wait for the rest. */
export function shortBodies({ host, devices }: Target): Attack[] {
  const [device] = devices;
  const types = ['application/json', 'multipart/form-data; boundary=frontier'];
  const paths = ['/api/v1/ingest/frame', '/api/v1/ingest/heartbeat', '/api/v1/auth/login'];
  return paths.flatMap((path) =>
    types.flatMap((type) =>
      ['Content-Length: 5000', 'Transfer-Encoding: chunked'].map((framing): Attack => {
        const head = `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nX-DEVICE-KEY: ${device?.key}\r\nContent-Type: ${type}\r\n${framing}\r\n\r\n`;
        return {
          name: `short body, ${path} ${type} ${framing}`,
          expected: 'harmless',
          bytes: Buffer.from(`${head}4\r\n--fr`),
        };
      }),
    ),
  );
}
