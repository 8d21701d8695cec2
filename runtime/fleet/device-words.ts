import type { DeviceHost, DeviceWord } from '../contracts/commands.ts';

type Filter = Parameters<DeviceHost['watch']>[0];

/** What devices say of themselves, passed on to whoever listens. A state is passed on when it is another than before. */
export class DeviceWords implements DeviceHost {
  readonly #watchers = new Set<{ filter: Filter; onWord: (word: DeviceWord) => void }>();
  readonly #states = new Map<string, string>();

  watch(filter: Filter, onWord: (word: DeviceWord) => void) {
    const watcher = { filter, onWord };
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  say(word: DeviceWord): void {
    if (word.kind === 'state') {
      if (this.#states.get(word.device) === word.state) return;
      this.#states.set(word.device, word.state);
    }
    for (const { filter, onWord } of [...this.#watchers]) {
      if (filter.device !== undefined && filter.device !== word.device) continue;
      if (filter.kinds !== undefined && !filter.kinds.includes(word.kind)) continue;
      onWord(word);
    }
  }
}
