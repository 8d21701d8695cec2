import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { WhepService } from '../../runtime/contracts/live.ts';
import type { PlayersAsk, PlayersSay } from './whep-players.ts';

const PROGRAM = fileURLToPath(new URL('./whep-players.ts', import.meta.url));
const VIEWER = { user: 'anna', address: '192.0.2.9', path: '/gate/whep' };

/** WHEP players in a process of their own: what they cost and leave behind is theirs, and they can be killed. */
export class Players {
  readonly #child: ChildProcess = fork(PROGRAM);

  /** So many watch `gate` now. Answers the secrets of their sessions. */
  async watch(whep: WhepService, count: number): Promise<string[]> {
    const { offers } = (await this.#ask({ offer: count })) as { offers: string[] };
    const opened = await Promise.all(offers.map((offer) => whep.open('gate', offer, VIEWER)));
    await this.#ask({ answers: opened.map(({ answer }) => answer) });
    return opened.map(({ secret }) => secret);
  }

  async leave(): Promise<void> {
    await this.#ask({ leave: true });
  }

  /** SIGKILL: nobody says good-bye. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  async #ask(ask: PlayersAsk): Promise<PlayersSay> {
    const answer = once(this.#child, 'message');
    this.#child.send(ask);
    const [said] = await answer;
    return said as PlayersSay;
  }
}
