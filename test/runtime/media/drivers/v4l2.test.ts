import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chooseSize, readFormats, V4l2Driver } from '../../../../runtime/media/drivers/v4l2.ts';
import { driverParts } from '../../../support/driver-parts.ts';
import { temporaryFolder } from '../../../support/folders.ts';

const HEAD = '[video4linux2,v4l2 @ 0x5581]';
const RAW = `${HEAD} Raw       :     yuyv422 :           YUYV 4:2:2 : 640x480 1280x720 1920x1080`;
const JPEG = `${HEAD} Compressed:       mjpeg :          Motion-JPEG : 1920x1080 640x480 1280x720 3840x2160`;

/** ffmpeg with a camera in place of /dev/video0: lists formats, and plays a test pattern after checking what it is asked. */
async function ffmpegWithCamera(formats: string): Promise<string> {
  const script = join(await temporaryFolder(), 'ffmpeg');
  const list = `case "$*" in *"-list_formats all"*) echo '${formats}' >&2; echo '/dev/video0: Immediate exit requested' >&2; exit 1;; esac`;
  // The camera's side of the command line is replaced by a pattern; ffmpeg itself judges the rest.
  const swap = `
    args=""; size=640x480; form=raw; device=""
    while [ $# -gt 0 ]; do case "$1" in
      -f) if [ "$2" = v4l2 ]; then :; else args="$args -f $2"; fi; shift;;
      -input_format) form=$2; shift;;
      -video_size) size=$2; shift;;
      -protocol_whitelist) shift;;
      -i) device=$2; args="$args -re -f lavfi -i testsrc2=s=$size:r=15"; shift;;
      copy) args="$args mjpeg";;
      -bsf:v) shift;;
      *) args="$args $1";;
    esac; shift; done
    [ "$device" = /dev/video0 ] || { echo "$device: No such file or directory" >&2; exit 1; }
    exec ffmpeg $args`;
  await writeFile(script, `#!/bin/sh\n${list}\n${swap}\n`);
  await chmod(script, 0o755);
  return script;
}

describe('a USB camera', () => {
  const drivers: V4l2Driver[] = [];

  async function driver(formats: string, device = '/dev/video0'): Promise<V4l2Driver> {
    const ffmpegPath = await ffmpegWithCamera(formats);
    const made = new V4l2Driver(device, driverParts({ ffmpegPath, limits: { settleMs: 100 } }));
    drivers.push(made);
    return made;
  }

  afterEach(async () => {
    for (const made of drivers.splice(0)) await made.close();
  });

  it('tells its formats, its own JPEGs first, whatever their order', () => {
    for (const list of [`${RAW}\n${JPEG}`, `${JPEG}\n${RAW}`]) assert.equal(readFormats(list)?.kind, 'mjpeg');
    assert.deepEqual(readFormats(RAW), {
      kind: 'raw',
      sizes: [
        { width: 640, height: 480 },
        { width: 1280, height: 720 },
        { width: 1920, height: 1080 },
      ],
    });
    assert.equal(readFormats('/dev/video9: No such file or directory'), undefined);
  });

  it('is used at the smallest size that covers what is asked, and at a reasonable one unasked', () => {
    const format = readFormats(JPEG) ?? { kind: 'raw', sizes: [] };
    assert.deepEqual(chooseSize(format, {}), { width: 1920, height: 1080 });
    assert.deepEqual(chooseSize(format, { width: 800 }), { width: 1280, height: 720 });
    assert.deepEqual(chooseSize(format, { width: 9000 }), { width: 1920, height: 1080 });
    assert.deepEqual(chooseSize(readFormats(RAW) ?? format, {}), { width: 1280, height: 720 });
    assert.equal(chooseSize({ kind: 'raw', sizes: [] }, {}), undefined);
  });

  it('gives its own JPEGs, made smaller where that is asked', async () => {
    const made = await driver(`${RAW}\n${JPEG}`);
    await made.open();
    const picture = await made.capture({ width: 320, height: 240 });
    assert.deepEqual([picture.width, picture.height], [320, 240]);
    assert.equal(made.status().state, 'live');
  });

  it('gives pictures from raw ones where it has no JPEGs', async () => {
    const made = await driver(RAW);
    await made.open();
    const picture = await made.capture({ jpegQuality: 60 });
    assert.deepEqual([picture.width, picture.height, picture.jpegQuality], [1280, 720, 60]);
  });

  it('says that it is not there', async () => {
    const real = new V4l2Driver('/dev/video99', driverParts());
    await assert.rejects(real.open(), {
      code: 'camera.unreachable',
      message: 'no picture from /dev/video99: it is not there',
    });
    await assert.rejects(real.capture({}), { code: 'camera.unreachable' });
  });
});
