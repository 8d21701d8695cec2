import { randomBytes } from 'node:crypto';

/** A picture and what is known of it, as the server's doors for devices take them (RFC 7578). */
export function multipart(meta: object, jpeg: Buffer): { type: string; body: Buffer[] } {
  const boundary = `frame-${randomBytes(12).toString('hex')}`;
  const head = [
    `--${boundary}`,
    'Content-Disposition: form-data; name="meta"',
    'Content-Type: application/json',
    '',
    JSON.stringify(meta),
    `--${boundary}`,
    'Content-Disposition: form-data; name="image"; filename="frame.jpg"',
    'Content-Type: image/jpeg',
    '',
    '',
  ].join('\r\n');
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    body: [Buffer.from(head), jpeg, Buffer.from(`\r\n--${boundary}--\r\n`)],
  };
}
