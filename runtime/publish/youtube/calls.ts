import type { youtube_v3 } from '@googleapis/youtube';
import type { Clock } from '../../contracts/host.ts';
import type { BroadcastWish } from '../../contracts/published.ts';

/** Units a day that Google gives a project. */
export const QUOTA = 10_000;
const WRITE = 50;
const READ = 1;
/** Google's day begins at midnight in Los Angeles; winter time is near enough for a figure that is shown. */
const DAY_SHIFT_MS = 8 * 3600_000;

/** How it is sent: RTMP, or HLS uploaded over HTTP. */
export type IngestType = 'rtmp' | 'hls';

/** Where an ingest takes what is pushed. */
export interface Ingest {
  id: string;
  type: IngestType;
  url: string;
  key: string;
}

export interface IngestHealth {
  /** `active` once the picture arrives; `ready` means that none has come */
  status: string;
  /** `good ok bad noData` */
  verdict: string;
  issues: youtube_v3.Schema$LiveStreamConfigurationIssue[];
}

/** The calls of the YouTube Live API that broadcasts need, and what they have cost today. */
export class YoutubeCalls {
  readonly #api: () => Promise<youtube_v3.Youtube>;
  readonly #clock: Clock;
  #spent = { day: 0, units: 0 };

  constructor(api: () => Promise<youtube_v3.Youtube>, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
  }

  /** units used since the last midnight there, of those that this process used */
  get unitsToday(): number {
    return this.#spent.day === this.#day() ? this.#spent.units : 0;
  }

  /** Makes a broadcast; `startsAt` also names it, should the answer be lost. */
  async insertBroadcast(title: string, startsAt: Date, wish: BroadcastWish): Promise<string> {
    const api = await this.#spend(WRITE);
    const { data } = await api.liveBroadcasts.insert({
      part: ['snippet', 'status', 'contentDetails'],
      requestBody: {
        snippet: { title, description: wish.description ?? '', scheduledStartTime: startsAt.toISOString() },
        status: { privacyStatus: wish.privacy ?? 'private', selfDeclaredMadeForKids: wish.made_for_kids ?? false },
        contentDetails: {
          enableAutoStart: true,
          // A push that is away for a while must not end it; who ends it is the operator.
          enableAutoStop: false,
          enableDvr: wish.dvr ?? true,
          latencyPreference: wish.latency ?? 'low',
          monitorStream: { enableMonitorStream: false },
        },
      },
    });
    return data.id ?? '';
  }

  /** The broadcast that was made with that title for that second, if it was, and nobody knows it yet. */
  async findBroadcast(title: string, startsAt: Date, isKnown: (id: string) => Promise<boolean>) {
    const api = await this.#spend(READ);
    const { data } = await api.liveBroadcasts.list({ part: ['id', 'snippet', 'status'], mine: true, maxResults: 50 });
    for (const { id, snippet, status } of data.items ?? []) {
      const isOver = ['complete', 'revoked'].includes(status?.lifeCycleStatus ?? '');
      const isThen = secondOf(Date.parse(snippet?.scheduledStartTime ?? '')) === secondOf(startsAt.getTime());
      if (id && !isOver && isThen && snippet?.title === title && !(await isKnown(id))) return id;
    }
    return undefined;
  }

  /** `created ready testing live complete …`; undefined when it is not there any more. */
  async lifeCycle(broadcast: string): Promise<string | undefined> {
    const api = await this.#spend(READ);
    const { data } = await api.liveBroadcasts.list({ part: ['status'], id: [broadcast] });
    return data.items?.[0]?.status?.lifeCycleStatus ?? undefined;
  }

  async deleteBroadcast(broadcast: string): Promise<void> {
    const api = await this.#spend(WRITE);
    await api.liveBroadcasts.delete({ id: broadcast });
  }

  /** The ingest of that id; undefined when it is not there any more. */
  async findIngest(id: string): Promise<Ingest | undefined> {
    const api = await this.#spend(READ);
    const { data } = await api.liveStreams.list({ part: ['cdn', 'status'], id: [id] });
    return ingestOf(data.items?.[0]);
  }

  async insertIngest(title: string, type: IngestType): Promise<Ingest> {
    const api = await this.#spend(WRITE);
    const { data } = await api.liveStreams.insert({
      part: ['snippet', 'cdn', 'contentDetails', 'status'],
      requestBody: {
        snippet: { title },
        // HLS takes no variable ones; what seed 000's Pi sends is 720p30 (S0.29).
        cdn:
          type === 'hls'
            ? { ingestionType: type, resolution: '720p', frameRate: '30fps' }
            : { ingestionType: type, resolution: 'variable', frameRate: 'variable' },
        contentDetails: { isReusable: true },
      },
    });
    const ingest = ingestOf(data);
    if (!ingest) throw new Error('YouTube gave an ingest without an address');
    return ingest;
  }

  async bind(broadcast: string, ingest: string): Promise<void> {
    const api = await this.#spend(WRITE);
    await api.liveBroadcasts.bind({ part: ['id', 'contentDetails'], id: broadcast, streamId: ingest });
  }

  async transition(broadcast: string, to: 'live' | 'complete'): Promise<void> {
    const api = await this.#spend(WRITE);
    await api.liveBroadcasts.transition({ part: ['status'], id: broadcast, broadcastStatus: to });
  }

  async health(ingest: string): Promise<IngestHealth> {
    const api = await this.#spend(READ);
    const { data } = await api.liveStreams.list({ part: ['status'], id: [ingest] });
    const status = data.items?.[0]?.status;
    const { status: verdict, configurationIssues } = status?.healthStatus ?? {};
    return { status: status?.streamStatus ?? 'gone', verdict: verdict ?? 'good', issues: configurationIssues ?? [] };
  }

  async #spend(units: number): Promise<youtube_v3.Youtube> {
    const api = await this.#api();
    this.#spent = { day: this.#day(), units: this.unitsToday + units };
    return api;
  }

  #day(): number {
    return Math.floor((this.#clock.now() - DAY_SHIFT_MS) / 86_400_000);
  }
}

/** YouTube keeps whole seconds. */
function secondOf(ms: number): number {
  return Math.floor(ms / 1000);
}

/** The address that YouTube gives, over TLS where it has one; it is never made up. */
function ingestOf(stream: youtube_v3.Schema$LiveStream | undefined): Ingest | undefined {
  const { rtmpsIngestionAddress, ingestionAddress, streamName } = stream?.cdn?.ingestionInfo ?? {};
  const url = rtmpsIngestionAddress ?? ingestionAddress;
  const type = stream?.cdn?.ingestionType === 'hls' ? 'hls' : 'rtmp';
  return stream?.id && url && streamName ? { id: stream.id, type, url, key: streamName } : undefined;
}
