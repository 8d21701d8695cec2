import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../../../../runtime/lib/clock.ts';
import { silentLog } from '../../../../../runtime/lib/log.ts';
import { StreamHub } from '../../../../../runtime/media/stream/hub.ts';
import { createV4l2Source, v4l2Launch } from '../../../../../runtime/media/stream/sources/v4l2.ts';
import { temporaryFolder } from '../../../../support/folders.ts';
import { until } from '../../../../support/until.ts';

const HEAD = '[video4linux2,v4l2 @ 0x5581]';
const RAW = `${HEAD} Raw       :     yuyv422 :           YUYV 4:2:2 : 640x480 1280x720 1920x1080`;
const JPEG = `${HEAD} Compressed:       mjpeg :          Motion-JPEG : 1920x1080 640x480 1280x720 3840x2160`;
const H264 = `${HEAD} Compressed:        h264 :                H.264 : 640x480 1920x1080 1280x720 2560x1440`;
const GONE = '[in#0 @ 0x55] Cannot open video device /dev/video0: No such file or directory';

function launch(...lines: string[]): string {
  const found = v4l2Launch('ffmpeg', '/dev/video0', lines.join('\n'));
  return `${found?.args.join(' ')}${found?.note ? ` (${found.note})` : ''}`;
}

describe('the stream of a USB camera', () => {
  it("is the camera's own H.264 where it has that, at most 1080p, untouched", () => {
    const words = launch(RAW, JPEG, H264);
    assert.match(words, /-input_format h264 -video_size 1920x1080 -i \/dev\/video0/);
    assert.match(words, /-c:v copy/);
    assert.doesNotMatch(words, /libx264|encoded/);
  });

  it('is encoded here where it has none, at most 720p, and says so', () => {
    const words = launch(RAW, JPEG);
    assert.match(words, /-input_format mjpeg -video_size 1280x720 -i \/dev\/video0/);
    assert.match(words, /libx264 -preset ultrafast -tune zerolatency -profile:v baseline/);
    assert.match(words, /\(encoded on this machine, since the camera gives no H\.264 of its own\)/);
    assert.doesNotMatch(launch(RAW), /-input_format/);
  });

  it('is none where nothing is listed', () => {
    assert.equal(v4l2Launch('ffmpeg', '/dev/video0', GONE), undefined);
  });

  it('comes from a camera that ffmpeg lists, and tells in words that one is gone', async () => {
    const folder = await temporaryFolder('v4l2');
    const program = join(folder, 'ffmpeg');
    const list = `[ -e ${folder}/there ] && echo '${JPEG}' >&2 || echo '${GONE}' >&2; exit 1`;
    // The camera's side of the command line is replaced by a pattern; ffmpeg itself judges the rest.
    const swap = `args=""
      while [ $# -gt 0 ]; do case "$1" in
        -f) [ "$2" = v4l2 ] || args="$args -f $2"; shift;;
        -input_format|-video_size|-framerate|-protocol_whitelist) shift;;
        -i) args="$args -re -f lavfi -i testsrc2=s=160x90:r=10"; shift;;
        *) args="$args $1";;
      esac; shift; done
      exec ffmpeg $args`;
    await writeFile(program, `#!/bin/sh\ncase "$*" in *list_formats*) ${list};; esac\n${swap}\n`);
    await chmod(program, 0o755);
    const parts = { clock: systemClock, log: silentLog, random: () => 0.5 };
    const source = createV4l2Source('/dev/video0', { ...parts, ffmpegPath: program });
    const hub = new StreamHub({ camera: 'usb', source, ...parts });
    const gaps: string[] = [];
    let units = 0;
    hub.subscribe({ onFormat() {}, onVideo: () => (units += 1), onGap: (reason) => gaps.push(reason) });
    try {
      await until('a gap', () => gaps.length > 0);
      assert.deepEqual(gaps, ['no stream from /dev/video0: it is not there']);
      await writeFile(join(folder, 'there'), '');
      await until('pictures', () => units > 12);
      const { reason, format } = hub.status();
      assert.match(reason ?? '', /gives no H\.264/);
      assert.deepEqual([format?.width, format?.height, format?.hasBFrames], [160, 90, false]);
    } finally {
      await hub.close();
    }
  });
});
