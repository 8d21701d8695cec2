import type { StreamFormat } from '../../contracts/streams.ts';
import { carriesSound } from './init-segment.ts';
import type { Part, Run, Segment, Timeline } from './segment.ts';

/** Names of files beside the playlist; `query` is added to each. */
export interface Naming {
  /** made anew with each muxer: a name never means other bytes */
  stamp: string;
  /** as `?token=…`, or empty */
  query: string;
}

export interface PlaylistOptions extends Naming {
  /** leave out what the player still knows from its last playlist */
  skip?: boolean;
  /** fill up to seven segments with gaps: Apple's player wants that many before it begins */
  padded?: boolean;
}

export const MEDIA_PLAYLIST = 'live.m3u8';
const PADDED_TO = 7;
/** Parts are told of segments that are at most so many target durations old. */
const PARTS_FOR = 3;
const SKIP_TARGETS = 6;

/** The multivariant playlist with its one variant. Needs a whole segment. */
export function multivariantPlaylist(timeline: Timeline, query: string): string {
  const last = timeline.listed.at(-1);
  const run = timeline.open?.run.init ? timeline.open.run : last?.run;
  if (!run) return '#EXTM3U\n';
  const { video } = run.format;
  const segments = timeline.open ? [...timeline.listed, timeline.open] : timeline.listed;
  const rates = segments.map(({ bytes, duration }) => (bytes * 8) / Math.max(duration, 0.1));
  const peak = Math.max(...rates, 1);
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / Math.max(rates.length, 1);
  const attributes = [
    `BANDWIDTH=${Math.ceil(peak)}`,
    `AVERAGE-BANDWIDTH=${Math.ceil(mean)}`,
    `CODECS="${codecsOf(run.format)}"`,
    `RESOLUTION=${video.width}x${video.height}`,
  ];
  return [
    '#EXTM3U',
    '#EXT-X-VERSION:9',
    `#EXT-X-STREAM-INF:${attributes.join(',')}`,
    `${MEDIA_PLAYLIST}${query}`,
    '',
  ].join('\n');
}

/** RFC 6381 names of what is in the segments. */
export function codecsOf({ video, audio }: StreamFormat): string {
  if (!carriesSound(audio)) return video.codec;
  return `${video.codec},mp4a.40.${(audio.config[0] ?? 16) >> 3}`;
}

/** The media playlist: whole segments for every player, parts and hints for those that know them. */
export function mediaPlaylist(timeline: Timeline, options: PlaylistOptions): string {
  const { listed, open, target, partTarget } = timeline;
  const skipUntil = SKIP_TARGETS * target;
  const gaps = options.padded ? Math.max(0, PADDED_TO - listed.length) : 0;
  const skipped = options.skip && gaps === 0 ? skippable(timeline, skipUntil) : 0;
  const first = listed[0];
  const control = [
    'CAN-BLOCK-RELOAD=YES',
    `PART-HOLD-BACK=${seconds(3 * partTarget)}`,
    `HOLD-BACK=${seconds(3 * target)}`,
    `CAN-SKIP-UNTIL=${seconds(skipUntil)}`,
  ];
  const lines = [
    '#EXTM3U',
    '#EXT-X-VERSION:9',
    `#EXT-X-TARGETDURATION:${target}`,
    `#EXT-X-SERVER-CONTROL:${control.join(',')}`,
    `#EXT-X-PART-INF:PART-TARGET=${seconds(partTarget)}`,
    `#EXT-X-MEDIA-SEQUENCE:${(first?.msn ?? timeline.openMsn) - gaps}`,
    `#EXT-X-DISCONTINUITY-SEQUENCE:${first?.run.id ?? 0}`,
  ];
  const whole = open?.run.init ? [...listed, open] : listed;
  if (gaps === 0 && whole.every(({ isIndependent }) => isIndependent)) lines.push('#EXT-X-INDEPENDENT-SEGMENTS');
  if (skipped > 0) lines.push(`#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}`);
  if (first && gaps > 0) lines.push(map(first.run, options));
  for (let gap = gaps; gap > 0; gap -= 1) lines.push('#EXT-X-GAP', `#EXTINF:${seconds(target)},`, `gap-${gap}.mp4`);
  const partsFrom = edgeOf(timeline) - PARTS_FOR * target;
  let run = skipped > 0 ? listed[skipped - 1]?.run : undefined;
  for (const segment of whole.slice(skipped)) {
    if (segment.run !== run) {
      if (run) lines.push('#EXT-X-DISCONTINUITY');
      if (run || gaps === 0) lines.push(map(segment.run, options));
      run = segment.run;
    }
    lines.push(...segmentLines(segment, segment === open, partsFrom, options));
  }
  lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${partName(timeline.nextPart, options)}"`, '');
  return lines.join('\n');
}

/** Name of an init segment. */
export function initName(run: Run, { stamp, query }: Naming): string {
  return `init-${stamp}-${run.id}.mp4${query}`;
}

function segmentLines(segment: Segment, isOpen: boolean, partsFrom: number, options: Naming): string[] {
  const lines = [`#EXT-X-PROGRAM-DATE-TIME:${new Date(segment.run.wallMs + segment.at * 1000).toISOString()}`];
  if (segment.at + segment.duration >= partsFrom) {
    for (const part of segment.parts) lines.push(partLine(part, options));
  }
  if (isOpen) return lines;
  return [...lines, `#EXTINF:${seconds(segment.duration)},`, `seg-${options.stamp}-${segment.msn}.mp4${options.query}`];
}

function partLine(part: Part, naming: Naming): string {
  const independent = part.isIndependent ? ',INDEPENDENT=YES' : '';
  return `#EXT-X-PART:DURATION=${seconds(part.duration)},URI="${partName(part.id, naming)}"${independent}`;
}

function partName(id: number, { stamp, query }: Naming): string {
  return `part-${stamp}-${id}.mp4${query}`;
}

function map(run: Run, naming: Naming): string {
  return `#EXT-X-MAP:URI="${initName(run, naming)}"`;
}

/** Where the stream ends now, on the track's time. */
function edgeOf({ listed, open }: Timeline): number {
  const last = open ?? listed.at(-1);
  return last ? last.at + last.duration : 0;
}

/** How many segments lie wholly beyond the skip boundary. */
function skippable(timeline: Timeline, skipUntil: number): number {
  const boundary = edgeOf(timeline) - skipUntil;
  const first = timeline.listed.findIndex(({ at, duration }) => at + duration > boundary);
  return Math.max(0, first);
}

function seconds(value: number): string {
  return value.toFixed(5);
}
