const PROTOCOLS = 'pipe,rtsp,rtsps,rtp,tcp,tls,crypto';
/** ffmpeg's own patience with a socket, in µs; ours is shorter once pictures have come. */
const SOCKET_US = 10_000_000;

/**
 * How ffmpeg opens an RTSP camera, by TCP (UDP loses packets and shows grey blocks): the address comes by standard input as a one-line
 * play list, so that a password stands in no list of processes. `args` go before the output's.
 */
export function rtspInput(url: string, media: 'video' | 'video+audio'): { args: string[]; input: string } {
  const list = [
    'ffconcat version 1.0',
    `file '${url.replaceAll("'", "'\\''")}'`,
    'option rtsp_transport tcp',
    `option allowed_media_types ${media}`,
    // Guessing the frame rate would cost 1.5 s before the first picture.
    'option fpsprobesize 0',
    `option timeout ${SOCKET_US}`,
  ];
  return {
    args: ['-fflags', 'nobuffer', '-protocol_whitelist', PROTOCOLS, '-f', 'concat', '-safe', '0', '-i', 'pipe:0'],
    input: `${list.join('\n')}\n`,
  };
}
