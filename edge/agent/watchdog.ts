import { execFile } from 'node:child_process';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import type { Part } from '../../runtime/lib/part.ts';

const PROGRAM_TIMEOUT_MS = 10_000;

export interface WatchdogOptions {
  /** as systemd hands it over: NOTIFY_SOCKET and WATCHDOG_USEC (sd_watchdog_enabled(3)) */
  env: NodeJS.ProcessEnv;
  clock: Clock;
  log: Log;
  /** Says the word to systemd; rejects when it could not. */
  notify?: (word: string) => Promise<void>;
}

/**
 * Tells systemd three times per WatchdogSec that the agent's event loop turns; one that hangs is killed and started again. Without
 * systemd it does nothing. The word goes out by `systemd-notify`: Node has no datagram sockets of the Unix kind.
 */
export class Watchdog implements Part {
  readonly #options: WatchdogOptions;
  readonly #everyMs: number | undefined;
  #cancel: (() => void) | undefined;

  constructor(options: WatchdogOptions) {
    this.#options = options;
    const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: limit } = options.env;
    const us = Number(limit);
    if (socket !== undefined && Number.isFinite(us) && us > 0) this.#everyMs = us / 3000;
  }

  async start(): Promise<void> {
    if (this.#everyMs !== undefined && !this.#cancel) this.#beat(this.#everyMs);
  }

  async stop(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #beat(everyMs: number): void {
    const { clock, log, notify = systemdNotify } = this.#options;
    notify('WATCHDOG=1').catch((error) => log.warn('systemd was not told that the agent lives', { error }));
    this.#cancel = clock.after(everyMs, () => this.#beat(everyMs));
  }
}

function systemdNotify(word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile('systemd-notify', [word], { timeout: PROGRAM_TIMEOUT_MS }, (error) => (error ? reject(error) : resolve()));
  });
}
