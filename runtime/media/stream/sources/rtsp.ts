import { explainFfmpeg, FFMPEG_QUIET } from '../../ffmpeg.ts';
import { ProcessSource, type SourceParts } from '../process-source.ts';
import { copyOutput, isSoundTrouble, isVideoTrouble, WITHOUT_SOUND } from './ffmpeg-output.ts';

const PROTOCOLS = 'pipe,rtsp,rtsps,rtp,tcp,tls,crypto';
/** ffmpeg's own patience with a socket, in µs; ours is shorter once pictures have come. */
const SOCKET_US = 10_000_000;

/**
 * An IP camera's H.264 over RTSP by TCP, Basic or Digest, with its sound where FLV can carry it (AAC, G.711). The address goes to
 * ffmpeg by its standard input, so that a password stands in no list of processes.
 */
export function createRtspSource(url: string, parts: SourceParts & { ffmpegPath: string }): ProcessSource {
  let sound = true;
  return new ProcessSource({
    ...parts,
    async prepare() {
      const input = ['-protocol_whitelist', PROTOCOLS, '-f', 'concat', '-safe', '0', '-i', 'pipe:0'];
      return {
        command: parts.ffmpegPath,
        args: [...FFMPEG_QUIET, '-fflags', 'nobuffer', ...input, ...copyOutput(sound)],
        input: playList(url),
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

function playList(url: string): string {
  const list = [
    'ffconcat version 1.0',
    `file '${url.replaceAll("'", "'\\''")}'`,
    'option rtsp_transport tcp',
    'option allowed_media_types video+audio',
    // Guessing the frame rate would cost 1.5 s before the first picture.
    'option fpsprobesize 0',
    `option timeout ${SOCKET_US}`,
  ];
  return `${list.join('\n')}\n`;
}
