import type { IngressClient, IngressInfo, ParticipantInfo, RoomServiceClient } from 'livekit-server-sdk';
import { AppError } from '../../contracts/errors.ts';
import type { IngressAccess, IngressWay } from '../../contracts/rooms.ts';

/** How long LiveKit may take for an answer, s. */
const ANSWER_S = 5;
/** As in livekit_ingress.proto: RTMP_INPUT, WHIP_INPUT. */
const INPUT: Record<IngressWay, number> = { rtmp: 0, whip: 1 };
/** What tells our own ingresses from those that somebody else made. */
const MADE_BY = '{"by":"redeye"}';

export interface LivekitSettings {
  /** `http(s)://` or `ws(s)://` */
  url?: string | undefined;
  /** under which browsers reach it; default `url` */
  publicUrl?: string | undefined;
  apiKey?: string | undefined;
  apiSecret?: string | undefined;
}

/** An ingress as it is now. */
export interface Ingress extends IngressAccess {
  /** ENDPOINT_INACTIVE, _BUFFERING, _PUBLISHING, _ERROR, _COMPLETE in a word */
  status: 'inactive' | 'buffering' | 'publishing' | 'error' | 'complete';
  /** what LiveKit says against what comes in */
  error: string;
  isOurs: boolean;
  /** under which it publishes */
  identity: string;
}

const STATUSES = ['inactive', 'buffering', 'publishing', 'error', 'complete'] as const;

/**
 * LiveKit's server API (Twirp over HTTP). Refusals are `livekit.unavailable` (nobody answers, or something else than LiveKit does),
 * `livekit.key_refused` and `livekit.no_redis`, in words.
 */
export class LivekitServer {
  readonly #settings: LivekitSettings;
  #clients: Promise<{ ingress: IngressClient; rooms: RoomServiceClient }> | undefined;

  constructor(settings: LivekitSettings) {
    this.#settings = settings;
  }

  /** What is missing, in words; undefined when it is set up. */
  get missing(): string | undefined {
    const { url, apiKey, apiSecret } = this.#settings;
    const names = { LIVEKIT_URL: url, LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret };
    const unset = Object.entries(names).flatMap(([name, value]) => (value ? [] : [name]));
    return unset.length === 0 ? undefined : `LiveKit is not set up on this server: ${unset.join(', ')}`;
  }

  /** `http(s)://`, without a slash at its end; throws `livekit.unavailable` where it is not set up. */
  get url(): string {
    const { missing } = this;
    if (missing !== undefined) throw new AppError('livekit.unavailable', missing);
    return (this.#settings.url ?? '').replace(/^ws/i, 'http').replace(/\/+$/, '');
  }

  /** Where browsers connect, `ws(s)://`; undefined where it is not set up. */
  get browserUrl(): string | undefined {
    const url = this.#settings.publicUrl ?? this.#settings.url;
    return this.missing === undefined ? url?.replace(/^http/i, 'ws').replace(/\/+$/, '') : undefined;
  }

  get key(): { apiKey: string; apiSecret: string } {
    const { apiKey = '', apiSecret = '' } = this.#settings;
    return { apiKey, apiSecret };
  }

  /** Whether it knows our key: asks for the rooms. */
  async knowsKey(): Promise<void> {
    await this.#ask(({ rooms }) => rooms.listRooms());
  }

  /** The ingresses of a room, or the one of that id. */
  async ingresses(of: { roomName: string } | { ingressId: string }): Promise<Ingress[]> {
    return (await this.#ask(({ ingress }) => ingress.listIngress(of))).map(ingressOf);
  }

  /**
   * The ingress of that room, name and way: the first one there, switched on and given an identity where it had none, else a new one.
   * In the room it is `camera-` and its name: no viewer can come under that name and throw it out.
   */
  async ensureIngress(wish: { room: string; name: string; via: IngressWay }): Promise<Ingress> {
    const { room, name, via } = wish;
    const all = await this.#ask(({ ingress }) => ingress.listIngress({ roomName: room }));
    const known = all.find((one) => one.name === name && one.inputType === INPUT[via] && one.roomName === room);
    if (!known) return this.#usable(await this.#create(wish));
    if (known.enabled !== false && known.participantIdentity !== '') return this.#usable(known);
    const change = {
      name,
      roomName: room,
      participantIdentity: known.participantIdentity || identityOf(name),
      enabled: true,
    };
    return this.#usable(await this.#ask(({ ingress }) => ingress.updateIngress(known.ingressId, change)));
  }

  /** Who is in a room; nobody where there is none of that name. */
  async participants(room: string): Promise<ParticipantInfo[]> {
    return this.#ask(({ rooms }) => rooms.listParticipants(room)).catch(ifGone([]));
  }

  /** Throws somebody out of a room, with every token that was made before now; one who has left already is no error. */
  async removeParticipant(room: string, identity: string, nowMs: number): Promise<void> {
    const revokeTokenTs = BigInt(Math.floor(nowMs / 1000));
    await this.#ask(({ rooms }) => rooms.removeParticipant(room, identity, { revokeTokenTs })).catch(ifGone(undefined));
  }

  /** Deletes an ingress; one that is gone already is no error. */
  async deleteIngress(id: string): Promise<void> {
    await this.#ask(({ ingress }) => ingress.deleteIngress(id)).catch(ifGone(undefined));
  }

  #create({ room, name, via }: { room: string; name: string; via: IngressWay }) {
    return this.#ask(({ ingress }) =>
      ingress.createIngress(INPUT[via], {
        name,
        roomName: room,
        participantIdentity: identityOf(name),
        participantName: name,
        participantMetadata: MADE_BY,
        // RTMP cannot do without; WHIP is handed on as it comes.
        enableTranscoding: via === 'rtmp',
      }),
    );
  }

  #usable(info: IngressInfo): Ingress {
    const ingress = ingressOf(info);
    if (ingress.url === '' || ingress.stream_key === '')
      throw new AppError(
        'livekit.unavailable',
        `LiveKit does not say where its ingress is: set ingress.${ingress.via}_base_url in its configuration`,
      );
    return ingress;
  }

  async #ask<T>(call: (clients: { ingress: IngressClient; rooms: RoomServiceClient }) => Promise<T>): Promise<T> {
    const { url } = this;
    const { apiKey, apiSecret } = this.key;
    // Loaded by the first call: a server without LiveKit is spared it.
    this.#clients ??= import('livekit-server-sdk').then((sdk) => {
      const options = { requestTimeout: ANSWER_S, failover: false };
      return {
        ingress: new sdk.IngressClient(url, apiKey, apiSecret, options),
        rooms: new sdk.RoomServiceClient(url, apiKey, apiSecret, options),
      };
    });
    const clients = await this.#clients;
    try {
      return await call(clients);
    } catch (cause) {
      throw explain(cause, new URL(url).host, [apiSecret]);
    }
  }
}

function ifGone<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (!(error instanceof AppError) || error.details.status !== 404) throw error;
    return instead;
  };
}

function identityOf(name: string): string {
  return `camera-${name}`;
}

function ingressOf(info: IngressInfo): Ingress {
  const { ingressId, roomName, name, inputType, url, streamKey, state, participantMetadata, participantIdentity } =
    info;
  return {
    ingress_id: ingressId,
    room: roomName,
    name,
    via: inputType === INPUT.whip ? 'whip' : 'rtmp',
    url,
    stream_key: streamKey,
    status: STATUSES[state?.status ?? 0] ?? 'inactive',
    error: (state?.error ?? '').replaceAll(streamKey || '\0', '••••'),
    isOurs: participantMetadata === MADE_BY,
    identity: participantIdentity,
  };
}

/** What went wrong, for people and for programs. */
function explain(cause: unknown, host: string, secrets: readonly string[]): AppError {
  const { status, message = '' } = cause as { status?: number; message?: string };
  const options = { cause };
  if (status === undefined) {
    const words =
      (cause as Error).name === 'TimeoutError'
        ? `LiveKit at ${host} did not answer within ${ANSWER_S} s`
        : `LiveKit is not reached at ${host}`;
    return new AppError('livekit.unavailable', words, { problem: 'unreachable' }, options);
  }
  if (status === 401 || status === 403)
    return new AppError(
      'livekit.key_refused',
      `LiveKit at ${host} does not take our key: LIVEKIT_API_KEY and LIVEKIT_API_SECRET must be those of its configuration`,
      { status },
      options,
    );
  if (/redis required|not connected/i.test(message))
    return new AppError(
      'livekit.no_redis',
      'LiveKit has no Redis, without which there is no ingress: set redis.address in its configuration and in that of its ingress service',
      { status },
      options,
    );
  const said = secrets.reduce((text, secret) => (secret ? text.replaceAll(secret, '••••') : text), message);
  // Twirp answers in JSON of its own; a page says that somebody else listens there.
  const isLivekit = !/<html|<!doctype/i.test(said) && status !== 405;
  if (!isLivekit || (status === 404 && !/ingress|room|participant/i.test(said)))
    return new AppError(
      'livekit.unavailable',
      `what answers at ${host} is not LiveKit`,
      { problem: 'other', status },
      options,
    );
  return new AppError(
    'livekit.unavailable',
    `LiveKit refused: ${said.slice(0, 200)}`,
    { problem: 'refused', status },
    options,
  );
}
