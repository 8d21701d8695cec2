import { until } from './until.ts';
import { WhepClient } from './whep-client.ts';

/** A process of WHEP players, told by messages: `offer` N of them, give each its `answers`, and let them `leave`. */
export type PlayersAsk = { offer: number } | { answers: string[] } | { leave: true };
export type PlayersSay = { offers: string[] } | { playing: number } | { left: true };

let players: WhepClient[] = [];

process.on('message', async (ask: PlayersAsk) => {
  process.send?.(await done(ask));
});

async function done(ask: PlayersAsk): Promise<PlayersSay> {
  if ('offer' in ask) {
    players = Array.from({ length: ask.offer }, () => new WhepClient());
    return { offers: await Promise.all(players.map((player) => player.offer())) };
  }
  if ('answers' in ask) {
    for (const [index, player] of players.entries()) player.take(ask.answers[index] ?? '');
    await until('all see pictures', () => players.every(({ pictures }) => pictures.length > 0), 30_000);
    return { playing: players.length };
  }
  for (const player of players) player.close();
  players = [];
  return { left: true };
}
