import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CreateIngressRequest,
  DeleteIngressRequest,
  IngressInfo,
  IngressInput,
  IngressState,
  IngressState_Status,
  ListIngressRequest,
  ListIngressResponse,
  ListParticipantsRequest,
  ListParticipantsResponse,
  ListRoomsRequest,
  ListRoomsResponse,
  ParticipantInfo,
  ParticipantInfo_Kind,
  ParticipantInfo_State,
  ParticipantPermission,
  RemoveParticipantResponse,
  RoomParticipantIdentity,
  UpdateIngressRequest,
} from '@livekit/protocol';
import { TokenVerifier, type VideoGrant } from 'livekit-server-sdk';

/** A refusal as LiveKit words it (Twirp error codes, its own messages). */
class Refused extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * LiveKit's server API as far as ingresses need it: Twirp calls read with @livekit/protocol (unknown fields and wrong types are refused),
 * tokens verified with the SDK's own verifier, the grants it asks for, the fields it requires, its answers in its own spelling. It keeps
 * ingresses while it runs; whoever is asked `isFed` says whether something arrives at one.
 */
export class LivekitStandIn {
  readonly apiKey = 'APIstandin';
  readonly apiSecret = 'a secret of at least thirty-two characters';
  readonly ingresses = new Map<string, IngressInfo>();
  /** by room and identity */
  readonly inside = new Map<string, Map<string, ParticipantInfo>>();
  readonly #revoked = new Map<string, bigint>();
  /** methods called, as `CreateIngress` */
  readonly calls: string[] = [];
  whipBase = 'http://127.0.0.1:1/w';
  rtmpBase = 'rtmp://127.0.0.1:1/x';
  hasRedis = true;
  isFed: (key: string) => boolean = () => false;
  /** a new key was made, or one went */
  onKeys: (keys: string[]) => void = () => undefined;
  #port = 0;
  #server = this.#make();

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  /** Goes away; `start` brings it back at the same address, with what it knew. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    this.#server = this.#make();
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Somebody joins with a token, as a browser does; throws for one that LiveKit would not let in. */
  async join(token: string): Promise<ParticipantInfo> {
    const {
      sub: identity = '',
      nbf = 0,
      video = {},
    } = await new TokenVerifier(this.apiKey, this.apiSecret).verify(token);
    const { room = '', roomJoin, canSubscribe = true, canPublish = true } = video;
    if (!roomJoin || room === '') throw new Refused(401, 'unauthenticated', 'no permission to join this room');
    if (BigInt(nbf) < (this.#revoked.get(`${room}/${identity}`) ?? 0n))
      throw new Refused(401, 'unauthenticated', 'the token was revoked');
    const joined = new ParticipantInfo({
      identity,
      state: ParticipantInfo_State.ACTIVE,
      kind: ParticipantInfo_Kind.STANDARD,
      joinedAt: BigInt(Math.floor(Date.now() / 1000)),
      permission: new ParticipantPermission({ canSubscribe, canPublish }),
    });
    this.enter(room, joined);
    return joined;
  }

  /** Puts somebody into a room, which is made where there is none. */
  enter(room: string, participant: ParticipantInfo): void {
    const inside = this.inside.get(room) ?? new Map<string, ParticipantInfo>();
    this.inside.set(room, inside.set(participant.identity, participant));
  }

  /** As somebody does behind our back. */
  deleteAll(): void {
    this.ingresses.clear();
    this.onKeys([]);
  }

  #make() {
    return createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        const { status = 400, code = 'malformed', message } = error as Partial<Refused> & Error;
        response.writeHead(status, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify({ code, msg: message }));
      });
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += chunk;
    if (request.url === '/') return void response.end('OK');
    const [, service = '', method = ''] = /^\/twirp\/livekit\.(\w+)\/(\w+)$/.exec(request.url ?? '') ?? [];
    this.calls.push(method);
    const grants = await this.#grants(request.headers.authorization);
    const isIngress = service === 'Ingress';
    const json = JSON.parse(text);
    const isAllowed = isIngress
      ? grants.ingressAdmin
      : method === 'ListRooms'
        ? grants.roomList
        : grants.roomAdmin && grants.room === json.room;
    if (!isAllowed) throw new Refused(403, 'permission_denied', 'permissions denied');
    if (isIngress && !this.hasRedis) throw new Refused(500, 'internal', 'ingress not connected (redis required)');
    const body = this.#do(service, method, json);
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(body));
  }

  async #grants(authorization = ''): Promise<VideoGrant> {
    const [, token = ''] = /^Bearer (.+)$/.exec(authorization) ?? [];
    const verifier = new TokenVerifier(this.apiKey, this.apiSecret);
    const claims = await verifier.verify(token).catch((error: Error) => {
      throw new Refused(401, 'unauthenticated', `invalid token: ${error.message}`);
    });
    return claims.video ?? {};
  }

  #do(service: string, method: string, json: Parameters<typeof ListRoomsRequest.fromJson>[0]): unknown {
    const named = { useProtoFieldName: true, emitDefaultValues: true } as const;
    switch (`${service}/${method}`) {
      case 'RoomService/ListRooms':
        ListRoomsRequest.fromJson(json);
        return new ListRoomsResponse().toJson(named);
      case 'RoomService/ListParticipants': {
        const { room } = ListParticipantsRequest.fromJson(json);
        const participants = [...(this.inside.get(room)?.values() ?? [])];
        if (!this.inside.has(room)) throw new Refused(404, 'not_found', 'requested room does not exist');
        return new ListParticipantsResponse({ participants }).toJson(named);
      }
      case 'RoomService/RemoveParticipant': {
        const { room, identity, revokeTokenTs } = RoomParticipantIdentity.fromJson(json);
        this.#revoked.set(`${room}/${identity}`, revokeTokenTs);
        if (!this.inside.get(room)?.delete(identity)) throw new Refused(404, 'not_found', 'participant does not exist');
        return new RemoveParticipantResponse().toJson(named);
      }
      case 'Ingress/ListIngress': {
        const { roomName, ingressId } = ListIngressRequest.fromJson(json);
        const items = [...this.ingresses.values()].filter(
          (one) => (!roomName || one.roomName === roomName) && (!ingressId || one.ingressId === ingressId),
        );
        return new ListIngressResponse({ items: items.map((one) => this.#now(one)) }).toJson(named);
      }
      case 'Ingress/CreateIngress':
        return this.#create(CreateIngressRequest.fromJson(json)).toJson(named);
      case 'Ingress/UpdateIngress': {
        const change = UpdateIngressRequest.fromJson(json);
        const known = this.#known(change.ingressId);
        if (change.participantIdentity) known.participantIdentity = change.participantIdentity;
        if (change.enabled !== undefined) known.enabled = change.enabled;
        return this.#now(known).toJson(named);
      }
      case 'Ingress/DeleteIngress': {
        const known = this.#known(DeleteIngressRequest.fromJson(json).ingressId);
        this.ingresses.delete(known.ingressId);
        this.#tellKeys();
        return this.#now(known).toJson(named);
      }
      default:
        throw new Refused(404, 'bad_route', `no handler for path "/twirp/livekit.${service}/${method}"`);
    }
  }

  #create(wish: CreateIngressRequest): IngressInfo {
    if (wish.participantIdentity === '') throw new Refused(400, 'invalid_argument', 'participant identity is required');
    if (wish.roomName === '') throw new Refused(400, 'invalid_argument', 'no room name');
    if (wish.inputType === IngressInput.RTMP_INPUT && wish.enableTranscoding === false)
      throw new Refused(400, 'invalid_argument', 'transcoding is required');
    const { name, roomName, participantIdentity, participantName, participantMetadata, inputType } = wish;
    const made = new IngressInfo({
      ingressId: `IN_${randomBytes(6).toString('hex')}`,
      streamKey: `sk${randomBytes(8).toString('hex')}`,
      url: inputType === IngressInput.WHIP_INPUT ? this.whipBase : this.rtmpBase,
      name,
      roomName,
      participantIdentity,
      participantName,
      participantMetadata,
      inputType,
      reusable: true,
      enableTranscoding: wish.enableTranscoding ?? inputType !== IngressInput.WHIP_INPUT,
    });
    this.ingresses.set(made.ingressId, made);
    this.#tellKeys();
    return this.#now(made);
  }

  #known(id: string): IngressInfo {
    const known = this.ingresses.get(id);
    if (!known) throw new Refused(404, 'not_found', 'ingress does not exist');
    return known;
  }

  #now(info: IngressInfo): IngressInfo {
    const status = this.isFed(info.streamKey)
      ? IngressState_Status.ENDPOINT_PUBLISHING
      : IngressState_Status.ENDPOINT_INACTIVE;
    info.state ??= new IngressState();
    if (info.state.status !== IngressState_Status.ENDPOINT_ERROR) info.state.status = status;
    return info;
  }

  #tellKeys(): void {
    this.onKeys([...this.ingresses.values()].map(({ streamKey }) => streamKey));
  }
}
