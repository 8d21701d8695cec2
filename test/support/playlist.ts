/** A media playlist as a player reads it. */
export interface ReadPlaylist {
  first: number;
  target: number;
  partTarget: number;
  discontinuities: number;
  skipped: number;
  maps: string[];
  segments: { msn: number; uri: string; duration: number; breaks: boolean; parts: ReadPart[] }[];
  /** parts of the segment that is being written */
  open: ReadPart[];
  hint: string | undefined;
  control: Record<string, string>;
}

export interface ReadPart {
  uri: string;
  duration: number;
  independent: boolean;
}

/** Reads a media playlist; throws at a line that is not understood. */
export function readPlaylist(text: string): ReadPlaylist {
  const lines = text.split('\n').filter((line) => line !== '');
  if (lines.shift() !== '#EXTM3U') throw new Error('no playlist');
  const read: ReadPlaylist = {
    first: 0,
    target: 0,
    partTarget: 0,
    discontinuities: 0,
    skipped: 0,
    maps: [],
    segments: [],
    open: [],
    hint: undefined,
    control: {},
  };
  let duration = 0;
  let breaks = false;
  for (const line of lines) {
    const [, tag = '', value = ''] = /^#(EXT[A-Z0-9-]*):?(.*)$/.exec(line) ?? [];
    const attributes = attributesOf(value);
    if (!line.startsWith('#')) {
      const msn = read.first + read.skipped + read.segments.length;
      read.segments.push({ msn, uri: line, duration, breaks, parts: read.open });
      read.open = [];
      breaks = false;
    } else if (tag === 'EXTINF') duration = Number.parseFloat(value);
    else if (tag === 'EXT-X-MEDIA-SEQUENCE') read.first = Number(value);
    else if (tag === 'EXT-X-TARGETDURATION') read.target = Number(value);
    else if (tag === 'EXT-X-DISCONTINUITY-SEQUENCE') read.discontinuities = Number(value);
    else if (tag === 'EXT-X-DISCONTINUITY') breaks = true;
    else if (tag === 'EXT-X-MAP') read.maps.push(attributes.URI ?? '');
    else if (tag === 'EXT-X-SERVER-CONTROL') read.control = attributes;
    else if (tag === 'EXT-X-PART-INF') read.partTarget = Number(attributes['PART-TARGET']);
    else if (tag === 'EXT-X-SKIP') read.skipped = Number(attributes['SKIPPED-SEGMENTS']);
    else if (tag === 'EXT-X-PRELOAD-HINT') read.hint = attributes.URI;
    else if (tag === 'EXT-X-PART') {
      const { URI = '', DURATION, INDEPENDENT } = attributes;
      read.open.push({ uri: URI, duration: Number(DURATION), independent: INDEPENDENT === 'YES' });
    } else if (!['EXT-X-VERSION', 'EXT-X-INDEPENDENT-SEGMENTS', 'EXT-X-PROGRAM-DATE-TIME', 'EXT-X-GAP'].includes(tag)) {
      throw new Error(`not understood: ${line}`);
    }
  }
  return read;
}

function attributesOf(value: string): Record<string, string> {
  const found = [...value.matchAll(/([A-Z-]+)=(?:"([^"]*)"|([^,]*))/g)];
  return Object.fromEntries(found.map(([, name = '', quoted, plain]) => [name, quoted ?? plain ?? '']));
}
