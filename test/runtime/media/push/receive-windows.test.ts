import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { ReceiveWindows, readSs, type WindowSample } from '../../../../runtime/media/push/receive-windows.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { ListLog } from '../../../support/list-log.ts';
import { until } from '../../../support/until.ts';

/** As iproute2 6.1 prints them, shortened: a window that is shut is not named. */
const SS = [
  'ESTAB 0 0 127.0.0.1:48376 127.0.0.1:1935 uid:101 ino:2699919 sk:1031 cgroup:/ <->',
  '\t ts sack bbr wscale:10,10 bytes_sent:8200 bytes_acked:8158 segs_out:41 snd_wnd:80896',
  'ESTAB 0 44894 10.0.0.5:44632 192.0.2.7:1935 timer:(persist,1.2sec,3) ino:77 sk:2 <->',
  '\t cubic bytes_acked:3831149 notsent:44894',
  'SYN-SENT 0 1 10.0.0.5:44634 192.0.2.7:1935 ino:78 sk:3 <->',
  '\t cubic rto:1000',
].join('\n');

describe('receive windows', () => {
  let clock: FakeClock;
  let now: WindowSample;
  let heard: string[];
  const watch = () =>
    new ReceiveWindows({
      clock,
      log: silentLog,
      look: async () => new Map([['9', { ...now }]]),
      socketsOf: async () => ['8', '9'],
    }).watch(42, 1935, { onRead: () => heard.push('read'), onStuck: () => heard.push('stuck') });
  /** A second in which that much arrives and that much is read, with a buffer of a megabyte. */
  const second = async (arrived: number, read: number) => {
    const room = now.edge - now.acked;
    now = { acked: now.acked + Math.min(arrived, room), edge: now.edge + read };
    await clock.advance(1000);
  };

  beforeEach(() => {
    clock = new FakeClock();
    now = { acked: 0, edge: 1_000_000 };
    heard = [];
  });

  it('are read from what ss prints', () => {
    assert.deepEqual(
      [...readSs(SS)],
      [
        ['2699919', { acked: 8158, edge: 89_054 }],
        ['77', { acked: 3_831_149, edge: 3_831_149 }],
      ],
    );
  });

  it('tell within three seconds of a reader that stopped, at one rate or another, while its buffer still takes everything', async () => {
    for (const rate of [12_000, 250_000]) {
      now = { acked: 0, edge: 1_000_000 };
      heard = [];
      const release = watch();
      for (let i = 0; i < 5; i++) await second(rate, rate);
      assert.deepEqual(new Set(heard), new Set(['read']));
      heard = [];
      // A window that is not full opens a little by itself.
      for (let i = 0; i < 3; i++) await second(rate, rate * 0.07);
      assert.ok(heard.includes('stuck'), `${rate} bytes a second`);
      assert.ok(now.edge - now.acked > rate, 'there was room left');
      release();
    }
  });

  it('say of a slow reader that it reads, also while its buffer fills, and of a quiet camera nothing', async () => {
    const release = watch();
    for (let i = 0; i < 5; i++) await second(250_000, 60_000);
    assert.deepEqual(heard, [], 'neither while it fills');
    for (let i = 0; i < 30; i++) await second(250_000, 60_000);
    assert.deepEqual(new Set(heard), new Set(['read']));
    heard = [];
    for (let i = 0; i < 10; i++) await second(0, 0);
    assert.deepEqual(heard, []);
    release();
    await second(250_000, 250_000);
    assert.deepEqual(heard, []);
  });

  it('are done without where there is no ss, and that is said once', async () => {
    const log = new ListLog();
    const missing = Object.assign(new Error('spawn ss ENOENT'), { code: 'ENOENT' });
    const windows = new ReceiveWindows({
      clock,
      log,
      look: () => Promise.reject(missing),
      socketsOf: async () => ['9'],
    });
    const events = { onRead: () => heard.push('read'), onStuck: () => heard.push('stuck') };
    const releases = [windows.watch(1, 1935, events), windows.watch(2, 1935, events)];
    await clock.advance(5000);
    releases.push(windows.watch(3, 1935, events));
    await clock.advance(5000);
    assert.deepEqual([heard, log.lines.length], [[], 1]);
    for (const release of releases) release();
  });

  it('of a real connection tell that its program was stopped, while its machine goes on taking', async function () {
    this.timeout(30_000);
    const program = `require('net').createServer((s) => s.resume()).listen(0, '127.0.0.1', function () { console.log(this.address().port) })`;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(child.stdout, 'data');
    const port = Number(String(line));
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    // A fast beginning makes the other side's buffer large: later it has room for many seconds.
    socket.write(Buffer.alloc(50_000_000));
    await once(socket, 'drain');
    const feed = setInterval(() => socket.write(Buffer.alloc(12_500)), 50);
    const release = new ReceiveWindows({ clock: systemClock, log: silentLog }).watch(process.pid, port, {
      onRead: () => heard.push('read'),
      onStuck: () => heard.push('stuck'),
    });
    try {
      await until('it is seen reading', () => heard.length >= 3, 15_000);
      assert.ok(!heard.includes('stuck'));
      child.kill('SIGSTOP');
      await until('it is seen to have stopped', () => heard.includes('stuck'), 10_000);
      assert.equal(socket.writableLength, 0, 'nothing waits here');
    } finally {
      clearInterval(feed);
      release();
      socket.destroy();
      child.kill('SIGKILL');
    }
  });
});
