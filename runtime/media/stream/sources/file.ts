import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { AppError, toAppError } from '../../../contracts/errors.ts';
import { run } from '../../../lib/child-process.ts';
import { CLIP_FORMATS } from '../../drivers/file.ts';
import { explainFfmpeg, FFMPEG_QUIET, sayHowToInstall } from '../../ffmpeg.ts';
import { FlvDemuxer } from '../flv-demuxer.ts';
import { NAL, nalType } from '../nal.ts';
import { ProcessSource, type SourceParts } from '../process-source.ts';
import { parseSps, type Sps } from '../sps.ts';
import { isPlayable, showsBFrames } from '../unit-shaper.ts';
import { copyOutput, encodeOutput, isVideoTrouble } from './ffmpeg-output.ts';
import { SoundChoice } from './sound-choice.ts';

const LOOK_MS = 10_000;
/** So many pictures tell whether a clip has B-frames. */
const LOOK_PICTURES = 100;
const LOOK_BYTES = 64 * 1024 * 1024;

interface Verdict {
  /** changes when the file does */
  stamp: string;
  /** why it has to be encoded; undefined when it passes as it is */
  encodeFor: string | undefined;
}

/**
 * A clip, over and over in real time. Its pictures pass untouched; where live viewers could not play those, it is encoded here, and
 * the note says why.
 */
export function createFileSource(path: string, parts: SourceParts & { ffmpegPath: string }): ProcessSource {
  const say = (why: string) => `the clip ${basename(path)} cannot be played: ${why}`;
  let known: Verdict | undefined;
  const sound = new SoundChoice();
  return new ProcessSource({
    ...parts,
    async prepare(signal) {
      const stamp = await stampOf(path, say);
      if (known?.stamp !== stamp) known = { stamp, encodeFor: await look(path, parts.ffmpegPath, say, signal) };
      const play = ['-re', '-stream_loop', '-1', ...inputOf(path)];
      const why = known.encodeFor;
      const { note, ...launch } = sound.launch();
      const notes = [
        ...(why === undefined ? [] : [`encoded on this machine, since ${why}`]),
        ...(note === undefined ? [] : [note]),
      ];
      const inFlv = sound.place === 'flv';
      const pictures = why === undefined ? copyOutput(inFlv) : encodeOutput({ sound: inFlv });
      const output = [...pictures, ...sound.beside()];
      return {
        command: parts.ffmpegPath,
        args: [...FFMPEG_QUIET, ...play, ...output],
        framing: 'flv',
        ...launch,
        ...(notes.length > 0 && { note: notes.join('; ') }),
      };
    },
    explain: (stderr) => say(explainFfmpeg(stderr)),
    reconsider: (ending) => sound.isWrong(ending),
  });
}

function inputOf(path: string): string[] {
  return ['-protocol_whitelist', 'file', '-format_whitelist', CLIP_FORMATS, '-i', `file:${path}`];
}

async function stampOf(path: string, say: (why: string) => string): Promise<string> {
  const file = await stat(path).catch((cause: unknown) => {
    throw new AppError('camera.unreachable', say('it is not there'), {}, { cause });
  });
  if (!file.isFile()) throw new AppError('camera.unreachable', say('it is not a file'));
  return `${file.mtimeMs}:${file.size}`;
}

/** Copies the clip's first pictures and looks at them. Answers why they cannot pass as they are; undefined when they can. */
async function look(
  path: string,
  command: string,
  say: (why: string) => string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const copy = ['-map', '0:v:0', '-c:v', 'copy', '-frames:v', `${LOOK_PICTURES}`, '-f', 'flv', 'pipe:1'];
  const args = [...FFMPEG_QUIET, ...inputOf(path), ...copy];
  const limits = { timeoutMs: LOOK_MS, maxOutputBytes: LOOK_BYTES, signal };
  try {
    return judge(await run({ command, args, ...limits }));
  } catch (thrown) {
    const error = toAppError(thrown);
    const stderr = typeof error.details.stderr === 'string' ? error.details.stderr : undefined;
    if (stderr === undefined) throw sayHowToInstall(error);
    if (isVideoTrouble(stderr)) return 'it is not H.264';
    throw new AppError('camera.unreachable', say(explainFfmpeg(stderr)), {}, { cause: thrown });
  }
}

function judge(flv: Buffer): string | undefined {
  let sps: Sps | undefined;
  let hasBFrames = false;
  let hasKey = false;
  const demuxer = new FlvDemuxer({
    onParameters: (sets) => {
      sps = sets.map(parseSps).find((found) => found !== undefined);
      hasBFrames = (sps?.reordered ?? 0) > 0;
    },
    onUnit: (unit) => {
      if (sps?.reordered !== 0) hasBFrames ||= showsBFrames(unit);
      hasKey ||= unit.nals.some((nal) => nalType(nal) === NAL.idr);
    },
  });
  try {
    demuxer.push(flv);
  } catch {
    // Another codec that FLV can carry.
    return 'it is not H.264';
  }
  if (!sps) return 'it is not H.264';
  if (hasBFrames) return 'it has B-frames, which live viewers cannot play';
  if (!isPlayable(sps)) return 'browsers do not play its kind of H.264';
  if (!hasKey) return 'it has no key frame near its beginning';
  return undefined;
}
