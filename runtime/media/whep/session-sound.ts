import type { AudioFormat, AudioUnit } from '../../contracts/streams.ts';
import { OPUS_RATE, opusSamples } from '../sound/opus-packet.ts';
import { SampleClock } from '../sound/sample-clock.ts';
import type { SentAudio } from './engine.ts';
import { chooseAudio, type OfferedMedia } from './offer.ts';

/** Opus of cameras that send AAC. */
export interface SoundOf {
  /** Hands on packets until closed; throws what subscribing to the stream throws. */
  listen(camera: string, onPacket: (unit: AudioUnit) => void): () => void;
}

/** What each sound of cameras is to a player. */
const SENT = {
  opus: { codec: 'opus', rtpmap: 'opus/48000/2', clockRate: OPUS_RATE, fmtp: 'minptime=10;useinbandfec=1;stereo=1' },
  pcmu: { codec: 'PCMU', rtpmap: 'PCMU/8000', clockRate: 8000, fmtp: '' },
  pcma: { codec: 'PCMA', rtpmap: 'PCMA/8000', clockRate: 8000, fmtp: '' },
} as const;
/** 20 ms of G.711, what every player takes: some cameras send pieces of 128 ms. */
const G711_BYTES = 160;

/** The sound to send for an offer; undefined when the player wants none, the camera has none, or they have no codec in common. */
export function chooseSound(
  media: readonly OfferedMedia[],
  format: AudioFormat | undefined,
  names: { cname: string; ssrc: number },
): SentAudio | undefined {
  if (!format || !canBeSent(format)) return undefined;
  const { codec, ...sent } = SENT[wayOf(format.codec)];
  for (const one of media) {
    const payloadType = one.kind === 'audio' && one.receives && one.mid !== '' ? chooseAudio(one, codec) : undefined;
    if (payloadType !== undefined) return { ...sent, ...names, mid: one.mid, payloadType };
  }
  return undefined;
}

/** G.711 goes out as it comes, and RTP has a number for one channel of it only. */
export function canBeSent({ codec, channels }: AudioFormat): boolean {
  return codec === 'opus' || codec === 'aac' || channels === 1;
}

function wayOf(codec: AudioFormat['codec']): keyof typeof SENT {
  return codec === 'aac' ? 'opus' : codec;
}

export interface SessionSoundParts {
  camera: string;
  audio: SentAudio;
  sound: SoundOf;
  /** 32 random bits: where its RTP time begins */
  timeOffset: number;
  send(packet: Buffer, timestamp: number): void;
}

/** The sound of one viewer, who was promised one codec: a camera that comes back with another one is silent. */
export class SessionSound {
  readonly #parts: SessionSoundParts;
  readonly #clock: SampleClock;
  #codec: AudioFormat['codec'] | undefined;
  #state: 'waiting' | 'open' | 'closed' = 'waiting';
  #stopListening: (() => void) | undefined;

  constructor(parts: SessionSoundParts) {
    this.#parts = parts;
    this.#clock = new SampleClock(parts.audio.clockRate);
  }

  /** The player is connected. */
  start(): void {
    if (this.#state === 'closed') return;
    this.#state = 'open';
    this.#encode();
  }

  /** The camera's sound from now on. */
  follow(format: AudioFormat | undefined): void {
    const fits = format && SENT[wayOf(format.codec)].rtpmap === this.#parts.audio.rtpmap;
    this.#codec = fits ? format.codec : undefined;
    this.#encode();
  }

  /** Sends what comes as the player takes it. */
  pass({ data, pts }: AudioUnit): void {
    if (this.#codec === 'opus') this.#send(data, pts, opusSamples(data));
    if (this.#codec !== 'pcmu' && this.#codec !== 'pcma') return;
    for (let at = 0; at < data.length; at += G711_BYTES) {
      const piece = data.subarray(at, at + G711_BYTES);
      this.#send(piece, pts + at / 8, piece.length);
    }
  }

  /** May be called twice. */
  close(): void {
    this.#state = 'closed';
    this.#encode();
  }

  #encode(): void {
    const isWanted = this.#state === 'open' && this.#codec === 'aac';
    if (isWanted && !this.#stopListening) {
      const { sound, camera } = this.#parts;
      this.#stopListening = sound.listen(camera, ({ data, pts }) => this.#send(data, pts, opusSamples(data)));
    } else if (!isWanted) {
      this.#stopListening?.();
      this.#stopListening = undefined;
    }
  }

  #send(packet: Buffer, ms: number, samples: number): void {
    if (this.#state !== 'open' || samples === 0) return;
    const time = (this.#clock.place(ms, samples) + this.#parts.timeOffset) % 2 ** 32;
    this.#parts.send(packet, time < 0 ? time + 2 ** 32 : time);
  }
}
