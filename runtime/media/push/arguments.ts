import ffmpeg from 'fluent-ffmpeg';
import type { RtmpDestination } from './destination.ts';

/** Small, so that a destination that takes nothing any more is felt soon; a quarter of a second of 2 Mbit/s once Linux has doubled it. */
const SEND_BUFFER_BYTES = 32_768;
/** After so long without an answer ffmpeg gives up by itself, should nobody have ended it before. */
const IO_TIMEOUT_US = 8_000_000;

export interface PushArguments {
  destination: RtmpDestination;
  /** file with what must not show in the list of processes */
  presetFile: string;
  /** certificates that are trusted, for rtmps; none: whoever answers is believed */
  caFile?: string | undefined;
}

/**
 * ffmpeg's arguments for a push: FLV comes on standard input and goes out as it is (no `-re`: it is live already), progress on
 * descriptor 3. App and key are in the preset file, so that the arguments name no more than host and port.
 */
export function pushArguments({ destination, presetFile, caFile }: PushArguments): string[] {
  const { scheme, host, port } = destination;
  const command = ffmpeg()
    .input('pipe:0')
    .inputFormat('flv')
    .inputOptions(['-fflags', '+nobuffer', '-probesize', '4096', '-analyzeduration', '0'])
    .output(`${scheme}://${host}:${port}/`)
    .outputOptions(['-map', '0', '-c', 'copy', '-flvflags', 'no_duration_filesize', '-flush_packets', '1'])
    .outputOptions(['-send_buffer_size', `${SEND_BUFFER_BYTES}`, '-rw_timeout', `${IO_TIMEOUT_US}`])
    .outputOptions(scheme === 'rtmps' && caFile ? ['-tls_verify', '1', '-ca_file', caFile] : [])
    .outputOptions(['-fpre', presetFile])
    .format('flv');
  const quiet = ['-hide_banner', '-nostdin', '-nostats', '-loglevel', 'error'];
  return [...quiet, '-progress', 'pipe:3', '-stats_period', '0.25', ...command._getArguments()];
}

/** What goes into the preset file: options of ffmpeg's RTMP, one a line. */
export function presetText({ app, playpath }: RtmpDestination): string {
  return `rtmp_app=${app}\nrtmp_playpath=${playpath}\n`;
}
