import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

type Fields = Record<string, unknown>;

/** What `cdn` may say (YouTube Live API, resource liveStream). */
const INGESTION_TYPES = ['rtmp', 'hls', 'dash', 'webrtc'];
const RESOLUTION = /^(240p|360p|480p|720p|1080p|1440p|2160p|variable)$/;
const FRAME_RATE = /^(30fps|60fps|variable)$/;

interface Live {
  id: string;
  title: string;
  startsAt: string;
  /** the insert's body */
  asked: Fields;
  status: string;
  stream?: string;
  autoStart: boolean;
}

/**
 * YouTube's live API as far as broadcasts need it, with the fields it requires, its states, its quota and its errors, and Google's token
 * endpoint with PKCE. `active`: the ingests that pictures arrive at.
 */
export class YoutubeStandIn {
  readonly broadcasts = new Map<string, Live>();
  /** ingests, with the `cdn` that was asked for */
  readonly streams = new Map<string, { id: string; name: string; cdn: Fields }>();
  readonly active = new Set<string>();
  /** method and path of each call, as `POST liveBroadcasts` */
  readonly calls: string[] = [];
  /** the next call of that kind fails so */
  readonly failing = new Map<string, { status: number; reason: string }>();
  /** connections are cut before an answer */
  isAway = false;
  /** the next answer to a call of that kind is lost, though the call was carried out */
  readonly losing = new Set<string>();
  /** what it finds wrong with pictures that arrive */
  health: Fields = { status: 'good' };
  /** epoch ms, as YouTube has it */
  now: () => number = Date.now;
  units = 10_000;
  refreshToken = 'refresh-1';
  challenge: string | undefined;
  #count = 0;
  readonly #server = createServer((request, response) => {
    if (this.isAway) {
      request.socket.destroy();
      return;
    }
    void this.#answer(request).then(
      ({ status, body, isLost }) => {
        if (isLost) {
          request.socket.destroy();
          return;
        }
        response.writeHead(status, { 'Content-Type': 'application/json' });
        response.end(body === undefined ? '' : JSON.stringify(body));
      },
      (error: Error) => response.writeHead(500).end(error.message),
    );
  });

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body?: unknown; isLost?: boolean }> {
    let text = '';
    for await (const chunk of request) text += chunk;
    const url = new URL(request.url ?? '/', 'http://x');
    if (url.pathname === '/token') return this.#token(new URLSearchParams(text));
    const [, resource = ''] = /^\/youtube\/v3\/(.+)$/.exec(url.pathname) ?? [];
    const call = `${request.method} ${resource}`;
    this.calls.push(call);
    if (request.headers.authorization !== 'Bearer access') return fail(401, 'authError');
    const failure = this.failing.get(call);
    if (failure) {
      this.failing.delete(call);
      return fail(failure.status, failure.reason);
    }
    this.units -= request.method === 'GET' ? 1 : 50;
    if (this.units < 0) return fail(403, 'quotaExceeded');
    if (!url.searchParams.has('part') && request.method !== 'DELETE') return fail(400, 'missingRequiredParameter');
    const isLost = this.losing.delete(call);
    return { ...this.#do(call, url.searchParams, text === '' ? {} : (JSON.parse(text) as Fields)), isLost };
  }

  #token(form: URLSearchParams): { status: number; body?: unknown } {
    const access = { access_token: 'access', expires_in: 3600, token_type: 'Bearer' };
    if (form.get('grant_type') === 'refresh_token')
      return form.get('refresh_token') === this.refreshToken
        ? { status: 200, body: access }
        : { status: 400, body: { error: 'invalid_grant' } };
    const proof = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (form.get('code') !== 'good-code' || proof !== this.challenge)
      return { status: 400, body: { error: 'invalid_grant' } };
    return { status: 200, body: { ...access, refresh_token: this.refreshToken } };
  }

  #do(call: string, query: URLSearchParams, body: Fields): { status: number; body?: unknown } {
    const broadcast = this.broadcasts.get(query.get('id') ?? '');
    const snippet = (body.snippet ?? {}) as Fields;
    switch (call) {
      case 'POST liveBroadcasts': {
        const status = (body.status ?? {}) as Fields;
        if (!snippet.title) return fail(400, 'titleRequired');
        const startsMs = Date.parse(String(snippet.scheduledStartTime));
        if (Number.isNaN(startsMs)) return fail(400, 'scheduledStartTimeRequired');
        if (startsMs <= this.now()) return fail(400, 'invalidScheduledStartTime');
        if (!['private', 'public', 'unlisted'].includes(String(status.privacyStatus)))
          return fail(400, 'invalidPrivacyStatus');
        const details = (body.contentDetails ?? {}) as Fields;
        const made: Live = {
          id: `b${this.#next()}`,
          title: String(snippet.title),
          // Whole seconds are kept.
          startsAt: `${new Date(startsMs).toISOString().slice(0, 19)}Z`,
          asked: body,
          status: 'created',
          autoStart: details.enableAutoStart === true,
        };
        this.broadcasts.set(made.id, made);
        return { status: 200, body: { id: made.id } };
      }
      case 'GET liveBroadcasts': {
        for (const one of this.broadcasts.values())
          if (one.status === 'ready' && one.autoStart && this.active.has(one.stream ?? '')) one.status = 'live';
        const found = [...this.broadcasts.values()].filter(
          ({ id }) => query.get('mine') === 'true' || id === query.get('id'),
        );
        const items = found.map(({ id, title, status, startsAt }) => ({
          id,
          snippet: { title, scheduledStartTime: startsAt },
          status: { lifeCycleStatus: status },
        }));
        return { status: 200, body: { items } };
      }
      case 'DELETE liveBroadcasts':
        if (!broadcast) return fail(404, 'liveBroadcastNotFound');
        this.broadcasts.delete(broadcast.id);
        return { status: 204 };
      case 'POST liveStreams': {
        const cdn = (body.cdn ?? {}) as Fields;
        if (!snippet.title || !cdn.ingestionType || !cdn.resolution || !cdn.frameRate) return fail(400, 'required');
        if (!INGESTION_TYPES.includes(String(cdn.ingestionType))) return fail(400, 'invalidIngestionType');
        if (!RESOLUTION.test(String(cdn.resolution))) return fail(400, 'invalidResolution');
        if (!FRAME_RATE.test(String(cdn.frameRate))) return fail(400, 'invalidFrameRate');
        const id = `s${this.#next()}`;
        const { ingestionType, resolution, frameRate } = cdn;
        const name = `key-${randomBytes(4).toString('hex')}`;
        this.streams.set(id, { id, name, cdn: { ingestionType, resolution, frameRate } });
        return { status: 200, body: this.#stream(id) };
      }
      case 'GET liveStreams': {
        const id = query.get('id') ?? '';
        return { status: 200, body: { items: this.streams.has(id) ? [this.#stream(id)] : [] } };
      }
      case 'POST liveBroadcasts/bind': {
        if (!broadcast) return fail(404, 'liveBroadcastNotFound');
        if (!this.streams.has(query.get('streamId') ?? '')) return fail(404, 'liveStreamNotFound');
        if (!['created', 'ready'].includes(broadcast.status)) return fail(403, 'liveBroadcastBindingNotAllowed');
        broadcast.stream = query.get('streamId') ?? '';
        broadcast.status = 'ready';
        return { status: 200, body: { id: broadcast.id } };
      }
      case 'POST liveBroadcasts/transition': {
        const to = query.get('broadcastStatus');
        if (!broadcast) return fail(404, 'liveBroadcastNotFound');
        if (broadcast.status === to) return fail(403, 'redundantTransition');
        if (to === 'live' && !this.active.has(broadcast.stream ?? '')) return fail(403, 'errorStreamInactive');
        if (to === 'complete' && broadcast.status !== 'live') return fail(403, 'invalidTransition');
        broadcast.status = String(to);
        return { status: 200, body: { id: broadcast.id } };
      }
      default:
        return fail(404, 'notFound');
    }
  }

  #stream(id: string) {
    const { name: streamName, cdn = {} } = this.streams.get(id) ?? {};
    const isHls = cdn.ingestionType === 'hls';
    const ingestionInfo = isHls
      ? {
          streamName,
          ingestionAddress: `https://a.upload.stand-in.example/http_upload_hls?cid=${streamName}&copy=0&file=`,
        }
      : {
          streamName,
          ingestionAddress: 'rtmp://a.rtmp.stand-in.example/live2',
          rtmpsIngestionAddress: 'rtmps://a.rtmps.stand-in.example:443/live2',
        };
    const streamStatus = this.active.has(id) ? 'active' : 'ready';
    return { id, cdn: { ...cdn, ingestionInfo }, status: { streamStatus, healthStatus: this.health } };
  }

  #next(): number {
    this.#count += 1;
    return this.#count;
  }
}

function fail(status: number, reason: string) {
  return { status, body: { error: { code: status, message: `stand-in: ${reason}`, errors: [{ reason }] } } };
}
