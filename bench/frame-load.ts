import { Agent, request } from 'node:http';

/** A device of the load with its next number. */
export interface LoadDevice {
  id: string;
  key: string;
  seq: number;
}

const BOUNDARY = 'bench-0123456789abcdef';

/** One server under load: keep-alive connections that send 100 KB frames as multipart forms. */
export class FrameLoad {
  readonly #url: URL;
  readonly #devices: LoadDevice[];
  readonly #jpeg: Buffer;
  readonly #size: { width: number; height: number };
  readonly #connections: number;
  #agent: Agent;

  constructor(options: {
    url: string;
    devices: LoadDevice[];
    jpeg: Buffer;
    size: { width: number; height: number };
    connections: number;
  }) {
    this.#url = new URL('/api/v1/ingest/frame', options.url);
    this.#devices = options.devices;
    this.#jpeg = options.jpeg;
    this.#size = options.size;
    this.#connections = options.connections;
    this.#agent = this.#connect();
  }

  /** Sends so many frames as fast as answers come; answers how many were stored. */
  async closed(frames: number, connections: number): Promise<number> {
    // Between two rounds servers close idle connections: every round has its own.
    this.#agent.destroy();
    this.#agent = this.#connect();
    let left = frames;
    let stored = 0;
    const worker = async () => {
      while (left > 0) {
        left -= 1;
        if ((await this.#send(left)) === 201) stored += 1;
      }
    };
    await Promise.all(Array.from({ length: connections }, worker));
    return stored;
  }

  /** Sends at a fixed rate whatever the answers do; answers each frame's time in ms, from when it was due. */
  async open(perSecond: number, seconds: number): Promise<number[]> {
    this.#agent.destroy();
    this.#agent = this.#connect();
    const times: number[] = [];
    const begin = performance.now();
    const running: Promise<void>[] = [];
    for (let n = 0; n < perSecond * seconds; n += 1) {
      const due = begin + (n * 1000) / perSecond;
      const wait = due - performance.now();
      if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
      running.push(this.#send(n).then(() => void times.push(performance.now() - due)));
    }
    await Promise.all(running);
    return times;
  }

  close(): void {
    this.#agent.destroy();
  }

  #connect(): Agent {
    return new Agent({ keepAlive: true, maxSockets: this.#connections });
  }

  #send(n: number): Promise<number> {
    const device = this.#devices[n % this.#devices.length];
    if (!device) throw new Error('no device');
    const meta = JSON.stringify({
      device_id: device.id,
      capture_ts: new Date().toISOString(),
      seq: device.seq++,
      ...this.#size,
      jpeg_quality: 80,
    });
    const head = Buffer.from(
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="meta"\r\n\r\n${meta}\r\n` +
        `--${BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="f.jpg"\r\nContent-Type: image/jpeg\r\n\r\n`,
    );
    const tail = Buffer.from(`\r\n--${BOUNDARY}--\r\n`);
    return new Promise((resolve, reject) => {
      const sent = request(
        this.#url,
        {
          method: 'POST',
          agent: this.#agent,
          headers: {
            'X-DEVICE-KEY': device.key,
            'Content-Type': `multipart/form-data; boundary=${BOUNDARY}`,
            'Content-Length': head.length + this.#jpeg.length + tail.length,
          },
        },
        (answer) => {
          answer.resume();
          answer.once('end', () => resolve(answer.statusCode ?? 0));
        },
      );
      sent.once('error', reject);
      sent.write(head);
      sent.write(this.#jpeg);
      sent.end(tail);
    });
  }
}
