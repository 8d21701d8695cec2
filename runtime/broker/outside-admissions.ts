import type { Clock, Log } from '../contracts/host.ts';
import { shown } from './shown.ts';

/** So long an answer holds; a device that is shut out is not waited for: it is forgotten at once. */
const GOOD_MS = 30_000;
/** A device that is registered, or let in again, does not wait long for it. */
const REFUSED_MS = 5000;
/** Somebody who may publish at the outside broker may make up names. */
const MOST = 10_000;

export interface AdmissionsOptions {
  isAdmitted: (device: string) => Promise<boolean>;
  clock: Clock;
  log: Log;
}

/** Which devices' words count, asked at most every half minute, of those that do not every 5 s. */
export class Admissions {
  readonly #options: AdmissionsOptions;
  readonly #answers = new Map<string, { admitted: boolean; at: number }>();

  constructor(options: AdmissionsOptions) {
    this.#options = options;
  }

  async of(device: string): Promise<boolean> {
    const { clock, isAdmitted, log } = this.#options;
    const known = this.#answers.get(device);
    if (known && clock.monotonicMs() - known.at < (known.admitted ? GOOD_MS : REFUSED_MS)) return known.admitted;
    const admitted = await isAdmitted(device);
    if (this.#answers.size >= MOST) this.#answers.clear();
    this.#answers.set(device, { admitted, at: clock.monotonicMs() });
    if (!admitted && known?.admitted !== false) {
      const fields = { device: shown(device) };
      log.warn(
        'MQTT messages refused: the outside broker lets a device in that is not registered, or shut out',
        fields,
      );
    }
    return admitted;
  }

  forget(device: string): void {
    this.#answers.delete(device);
  }
}
