import { explainFfmpeg, FFMPEG_QUIET } from '../../ffmpeg.ts';
import { rtspInput } from '../../rtsp-input.ts';
import { ProcessSource, type SourceParts } from '../process-source.ts';
import { isVideoTrouble } from './ffmpeg-output.ts';
import { SoundChoice } from './sound-choice.ts';

/** An IP camera's H.264 over RTSP, Basic or Digest, with its sound: AAC, G.711 or Opus. */
export function createRtspSource(url: string, parts: SourceParts & { ffmpegPath: string }): ProcessSource {
  const sound = new SoundChoice();
  return new ProcessSource({
    ...parts,
    async prepare() {
      const { output, ...launch } = sound.copied();
      const { args, input } = rtspInput(url, 'video+audio');
      return {
        command: parts.ffmpegPath,
        args: [...FFMPEG_QUIET, ...args, ...output],
        input,
        framing: 'flv',
        ...launch,
      };
    },
    explain: (stderr) => `no stream from ${new URL(url).host}: ${explainStream(stderr)}`,
    reconsider: (ending) => sound.isWrong(ending),
  });
}

/** ffmpeg's reasons, with those that only a copied stream has. */
function explainStream(stderr: string): string {
  if (isVideoTrouble(stderr)) return 'it does not send H.264 (set its stream to H.264 in the camera)';
  return explainFfmpeg(stderr);
}
