import assert from 'node:assert/strict';
import { AppError } from '../../../runtime/contracts/errors.ts';
import { maskUrl, parseCameraUrl } from '../../../runtime/media/camera-url.ts';

describe('camera URLs', () => {
  it('are read into their kinds', () => {
    assert.deepEqual(parseCameraUrl('auto'), { kind: 'auto' });
    assert.deepEqual(parseCameraUrl('rpicam:1'), { kind: 'rpicam', index: 1 });
    assert.deepEqual(parseCameraUrl('v4l2:/dev/video0'), { kind: 'v4l2', device: '/dev/video0' });
    assert.deepEqual(parseCameraUrl('file:/srv/a clip.mp4'), { kind: 'file', path: '/srv/a clip.mp4' });
    assert.deepEqual(parseCameraUrl('file:///srv/clip.mp4'), { kind: 'file', path: '/srv/clip.mp4' });
    assert.deepEqual(parseCameraUrl('http://host:8001'), { kind: 'http', url: 'http://host:8001/' });
    assert.deepEqual(parseCameraUrl('relab+http://host:8018'), { kind: 'relab', url: 'http://host:8018/' });
    assert.deepEqual(parseCameraUrl(' rtsp://joe:s3cret@10.0.0.7:554/live?ch=1 '), {
      kind: 'rtsp',
      url: 'rtsp://joe:s3cret@10.0.0.7:554/live?ch=1',
    });
    assert.equal(parseCameraUrl('rtsps://cam/live').kind, 'rtsp');
  });

  it('make a relative clip absolute, so that its name cannot be an option', () => {
    assert.deepEqual(parseCameraUrl('file:clip.mp4'), { kind: 'file', path: `${process.cwd()}/clip.mp4` });
  });

  it('give a simulated scene its size and rate, the missing side as of 16:9', () => {
    assert.deepEqual(parseCameraUrl('sim:shelf'), { kind: 'sim', scene: 'shelf', fps: 30, width: 1280, height: 720 });
    assert.deepEqual(parseCameraUrl('sim:gradient?fps=2.5&width=640'), {
      kind: 'sim',
      scene: 'gradient',
      fps: 2.5,
      width: 640,
      height: 360,
    });
  });

  const hostile = [
    '',
    '   ',
    'shelf',
    '-i',
    'concat:a|b',
    'pipe:0',
    'exec:rm',
    'subfile,,start,0,end,9,,:/etc/passwd',
    'file:',
    'file:-version',
    'file://host/clip.mp4',
    'file:/a\nb.mp4',
    'rpicam:',
    'rpicam:0 --output /tmp/x',
    'v4l2:/etc/passwd',
    'v4l2:/dev/video0 -f',
    'v4l2:/dev/../etc/passwd',
    'rtsp://',
    'rtsp://-host/live',
    'rtsp://host:99999/live',
    'rtsp://joe:s3cret word@host/live',
    "rtsp://host/li\u0000ve'",
    'sim:forest',
    'sim:shelf?fps=0',
    'sim:shelf?fps=1e9',
    'sim:shelf?width=99999',
    'sim:shelf?script=1',
    `rtsp://host/${'a'.repeat(2000)}`,
  ];
  for (const url of hostile) {
    it(`refuse ${JSON.stringify(url.slice(0, 50))} and say what is allowed`, () => {
      assert.throws(
        () => parseCameraUrl(url),
        (error: unknown) => {
          assert.ok(error instanceof AppError);
          assert.equal(error.code, 'camera.url_invalid');
          assert.match(error.message, /rtsp:\/\/user:password@host\/path, file:clip\.mp4, sim:shelf/);
          assert.doesNotMatch(error.message, /s3cret/);
          return true;
        },
      );
    });
  }

  it('keep quotes inside a path apart from the list that ffmpeg reads', () => {
    const url = parseCameraUrl("rtsp://host/it's");
    assert.deepEqual(url, { kind: 'rtsp', url: "rtsp://host/it's" });
  });

  it('are masked before anybody sees them', () => {
    assert.equal(maskUrl('rtsp://joe:s3c:r@t@10.0.0.7/live'), 'rtsp://joe:••••@10.0.0.7/live');
    assert.equal(maskUrl('rtsp://s3cret@10.0.0.7/live'), 'rtsp://••••@10.0.0.7/live');
    assert.equal(maskUrl('http://cam/x?password=s3cret&ch=1'), 'http://cam/x?password=••••&ch=1');
    assert.equal(maskUrl('open rtsp://joe:s3cret@cam/ failed'), 'open rtsp://joe:••••@cam/ failed');
    assert.equal(maskUrl('sim:shelf?fps=2'), 'sim:shelf?fps=2');
  });
});
