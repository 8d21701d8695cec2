import { explainFfmpeg, FFMPEG_QUIET } from '../../ffmpeg.ts';
import { rtspInput } from '../../rtsp-input.ts';
import { ProcessSource, type SourceParts } from '../process-source.ts';
import { copyOutput, isSoundTrouble, isVideoTrouble, WITHOUT_SOUND } from './ffmpeg-output.ts';

/** An IP camera's H.264 over RTSP, Basic or Digest, with its sound where FLV can carry it (AAC, G.711). */
export function createRtspSource(url: string, parts: SourceParts & { ffmpegPath: string }): ProcessSource {
  let sound = true;
  return new ProcessSource({
    ...parts,
    async prepare() {
      const { args, input } = rtspInput(url, 'video+audio');
      return {
        command: parts.ffmpegPath,
        args: [...FFMPEG_QUIET, ...args, ...copyOutput(sound)],
        input,
        framing: 'flv',
        ...(!sound && { note: WITHOUT_SOUND }),
      };
    },
    explain: (stderr) => `no stream from ${new URL(url).host}: ${explainStream(stderr)}`,
    reconsider({ stderr }) {
      if (!sound || !isSoundTrouble(stderr)) return false;
      sound = false;
      return true;
    },
  });
}

/** ffmpeg's reasons, with those that only a copied stream has. */
function explainStream(stderr: string): string {
  if (isVideoTrouble(stderr)) return 'it does not send H.264 (set its stream to H.264 in the camera)';
  return explainFfmpeg(stderr);
}
