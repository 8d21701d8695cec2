import assert from 'node:assert/strict';
import { PairingPage } from '../../../edge/agent/pairing-page.ts';
import { Watchdog } from '../../../edge/agent/watchdog.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe("systemd's watchdog", () => {
  const words = async (env: NodeJS.ProcessEnv, fails = false) => {
    const clock = new FakeClock();
    const said: string[] = [];
    const notify = async (word: string) => {
      said.push(`${clock.monotonicMs() / 1000} ${word}`);
      if (fails) throw new Error('no such program');
    };
    const watchdog = new Watchdog({ env, clock, log: silentLog, notify });
    await watchdog.start();
    await clock.advance(61_000);
    clock.jump(-3_600_000);
    await clock.advance(30_000);
    await watchdog.stop();
    await clock.advance(100_000);
    return said;
  };

  it('is told three times in its time that the agent lives, whatever the clock says, until the agent stops', async () => {
    const env = { NOTIFY_SOCKET: '/run/systemd/notify', WATCHDOG_USEC: '90000000' };
    assert.deepEqual(await words(env), ['0 WATCHDOG=1', '30 WATCHDOG=1', '60 WATCHDOG=1', '90 WATCHDOG=1']);
    assert.equal((await words(env, true)).length, 4, 'a word that was not taken is no reason to be silent');
  });

  it('is nobody where systemd watches nobody', async () => {
    for (const env of [
      {},
      { NOTIFY_SOCKET: '/x' },
      { WATCHDOG_USEC: '90000000' },
      { NOTIFY_SOCKET: '/x', WATCHDOG_USEC: 'soon' },
    ])
      assert.deepEqual(await words(env), []);
  });
});

describe('the page of a device that nobody has paired', () => {
  it('shows the code and where to type it, as text, and gives the port back', async () => {
    const page = new PairingPage({ port: 0, host: '127.0.0.1', log: silentLog });
    await page.start();
    const url = `http://127.0.0.1:${page.port}`;
    assert.match(await (await fetch(url)).text(), /does not answer yet/);
    page.show({ code: 'K7-<b>', server: 'https://redeye.example', until: '' });
    const response = await fetch(url);
    assert.match(await response.text(), /class="code">K7-&#60;b&#62;<.*https:\/\/redeye\.example/);
    assert.equal(response.headers.get('cache-control'), 'no-store');
    assert.deepEqual(await (await fetch(`${url}/health`)).json(), { status: 'degraded', paired: false });
    assert.equal((await fetch(url, { method: 'POST' })).status, 405);
    const second = new PairingPage({ port: page.port ?? 0, host: '127.0.0.1', log: silentLog });
    await second.start();
    assert.equal(second.port, undefined, 'a port that is taken ends nothing');
    await second.stop();
    await page.stop();
    await page.stop();
    await assert.rejects(fetch(url));
  });
});
