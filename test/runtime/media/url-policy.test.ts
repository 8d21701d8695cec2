import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createUrlCheck } from '../../../runtime/media/url-policy.ts';
import { temporaryFolder } from '../../support/folders.ts';

const allow = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'];

describe('camera URLs through the API', () => {
  const names: Record<string, string[]> = {
    'cam.lan': ['192.168.1.9'],
    'both.example': ['192.168.1.9', '127.0.0.1'],
    'nowhere.example': [],
  };
  const resolve = async (host: string) => names[host] ?? Promise.reject(new Error('ENOTFOUND'));
  const check = createUrlCheck({ allow, clipsDir: '/nonexistent', resolve });

  it('may point into private networks, by address or by name', async () => {
    for (const url of [
      'rtsp://u:p@192.168.1.4/x',
      'rtsp://10.0.0.1:8554/',
      'http://cam.lan:8001',
      'rtsp://[fd00::9]/x',
      'sim:shelf',
      'auto',
    ]) {
      await check(url);
    }
  });

  it('may not point at the server itself, its link, the internet, or a name that hides one of these', async () => {
    for (const url of [
      'rtsp://127.0.0.1:5432/x',
      'http://localhost:1880/',
      'http://169.254.169.254/latest/meta-data',
      'rtsp://[::1]/x',
      'rtsp://[::ffff:127.0.0.1]/x',
      'http://2130706433/',
      'http://0x7f.1/',
      'http://8.8.8.8/',
      'http://0.0.0.0/',
      'rtsp://both.example/x',
      'rtsp://nowhere.example/x',
    ]) {
      await assert.rejects(check(url), { code: 'camera.url_invalid' }, url);
    }
  });

  it('may name clips in their folder only, links followed', async () => {
    const folder = await temporaryFolder();
    const clipsDir = join(folder, 'clips');
    await mkdir(clipsDir);
    await writeFile(join(folder, 'secret.mp4'), 'x');
    await writeFile(join(clipsDir, 'mine.mp4'), 'x');
    await symlink(join(folder, 'secret.mp4'), join(clipsDir, 'link.mp4'));
    const clips = createUrlCheck({ allow, clipsDir });
    await clips(`file:${join(clipsDir, 'mine.mp4')}`);
    for (const path of [
      join(folder, 'secret.mp4'),
      join(clipsDir, 'link.mp4'),
      join(clipsDir, '../secret.mp4'),
      join(clipsDir, 'gone.mp4'),
      clipsDir,
    ]) {
      await assert.rejects(clips(`file:${path}`), { code: 'camera.url_invalid' }, path);
    }
  });

  it('stop the start when a network cannot be read', () => {
    assert.throws(() => createUrlCheck({ allow: ['10.0.0.0/40'], clipsDir: '/' }), { code: 'setting.invalid' });
    assert.throws(() => createUrlCheck({ allow: ['lan'], clipsDir: '/' }), { code: 'setting.invalid' });
  });
});
