import { type Agent, request } from 'node:http';
import type { DeviceWithKey } from '../../runtime/contracts/api.ts';

const BOUNDARY = 'durability-7d1c5e';
/** A device counts an answer that takes longer as none. */
const PATIENCE_MS = 15_000;

export interface PostedFrame {
  seq: number;
  jpeg: Buffer;
  captureTs: string | number;
  width: number;
  height: number;
}

export interface PostAnswer {
  /** undefined: no answer came */
  status: number | undefined;
  body: string;
  /** whether the server may have seen something of it */
  met: boolean;
}

/** Posts one frame as a device does, once; never throws. */
export function postFrame(
  url: string,
  device: DeviceWithKey,
  { seq, jpeg, captureTs, width, height }: PostedFrame,
  agent?: Agent,
): Promise<PostAnswer> {
  const meta = { device_id: device.id, capture_ts: captureTs, seq, width, height, jpeg_quality: 70 };
  const form = Buffer.concat([
    Buffer.from(
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="meta"\r\n\r\n${JSON.stringify(meta)}\r\n` +
        `--${BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="f.jpg"\r\nContent-Type: image/jpeg\r\n\r\n`,
    ),
    jpeg,
    Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
  ]);
  return new Promise((resolve) => {
    let status: number | undefined;
    let body = '';
    const end = (met: boolean) => resolve({ status, body, met });
    const sent = request(new URL('/api/v1/ingest/frame', url), {
      method: 'POST',
      ...(agent && { agent }),
      timeout: PATIENCE_MS,
      headers: {
        'X-DEVICE-KEY': device.api_key,
        'Content-Type': `multipart/form-data; boundary=${BOUNDARY}`,
        'Content-Length': form.length,
      },
    });
    sent.once('response', (response) => {
      // The status line is the promise, even when the rest of the answer is cut off.
      status = response.statusCode;
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('error', () => end(true)).once('close', () => end(true));
    });
    sent.once('timeout', () => sent.destroy());
    sent.once('error', (error: NodeJS.ErrnoException) => end(error.code !== 'ECONNREFUSED'));
    sent.end(form);
  });
}
