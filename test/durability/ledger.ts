import { createHash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';

/**
 * What the server said to one try: `ok` promises the frame, `failed` (4xx) promises that these bytes will never be there, `unknown` is
 * everything else: no answer, a cut one, a 5xx, a 429.
 */
export type Answer = 'ok' | 'failed' | 'unknown';

/** All tries with the same bytes under one key, by what became of them. */
export type Tries = Record<Answer, number>;

/** A try under way; to be told what became of it. */
export interface Try {
  answered(status: number | undefined): Answer;
}

export interface LedgerSummary {
  /** keys (device, seq) */
  frames: number;
  tries: number;
  /** keys by the best that was said of them */
  ok: number;
  unknown: number;
  failed: number;
}

/** sha256 as hex. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Every frame that was sent: device, seq, sha256, answer. A line goes into the file before the frame goes out and another one after the
 * answer, so that a run which dies can still be read.
 */
export class Ledger {
  readonly #file: number;
  readonly #keys = new Map<string, Map<string, Tries>>();
  #tries = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  /** Notes a frame that is about to be sent. Until it is answered it counts as unknown. */
  send(device: string, seq: number, sha: string): Try {
    const n = this.#tries++;
    this.#line({ n, device, seq, sha256: sha });
    const tries = this.#of(`${device} ${seq}`, sha);
    tries.unknown += 1;
    return {
      answered: (status) => {
        const answer = meaning(status);
        this.#line({ n, answer, status });
        tries.unknown -= 1;
        tries[answer] += 1;
        return answer;
      },
    };
  }

  /** Each key `device seq` with the tries per sha256. */
  get keys(): ReadonlyMap<string, ReadonlyMap<string, Readonly<Tries>>> {
    return this.#keys;
  }

  summary(): LedgerSummary {
    const summary = { frames: this.#keys.size, tries: this.#tries, ok: 0, unknown: 0, failed: 0 };
    for (const versions of this.#keys.values()) {
      const all = [...versions.values()];
      if (all.some(({ ok }) => ok > 0)) summary.ok += 1;
      else if (all.some(({ unknown }) => unknown > 0)) summary.unknown += 1;
      else summary.failed += 1;
    }
    return summary;
  }

  close(): void {
    closeSync(this.#file);
  }

  #of(key: string, sha: string): Tries {
    const versions = this.#keys.get(key) ?? new Map<string, Tries>();
    this.#keys.set(key, versions);
    const tries = versions.get(sha) ?? { ok: 0, failed: 0, unknown: 0 };
    versions.set(sha, tries);
    return tries;
  }

  #line(entry: object): void {
    writeSync(this.#file, `${JSON.stringify(entry)}\n`);
  }
}

function meaning(status: number | undefined): Answer {
  if (status === 200 || status === 201) return 'ok';
  return status !== undefined && status >= 400 && status < 500 && status !== 429 ? 'failed' : 'unknown';
}
