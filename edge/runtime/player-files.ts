import { readFile, stat } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { AppError } from '../../runtime/contracts/errors.ts';

const NAME = /^\/assets\/([A-Za-z0-9][A-Za-z0-9._-]{0,100}\.js)$/;
const PLAYER = 'redeye-player.js';

/** The player's scripts, which lie with the console where the product was built with one. */
export class PlayerFiles {
  readonly #folder: string;

  /** `folder`: of the built console */
  constructor(folder: string) {
    this.#folder = join(folder, 'assets');
  }

  async isThere(): Promise<boolean> {
    return stat(join(this.#folder, PLAYER)).then(
      () => true,
      () => false,
    );
  }

  /** Sends a script by its path; throws `route.not_found`. */
  async serve(path: string, res: ServerResponse): Promise<void> {
    const name = NAME.exec(path)?.[1];
    const script = name && (await readFile(join(this.#folder, name)).catch(() => undefined));
    if (!script) throw new AppError('route.not_found', 'there is nothing here');
    // Other names than the player's change with their bytes.
    const keeping = name === PLAYER ? 'no-cache' : 'private, max-age=31536000, immutable';
    res.writeHead(200, {
      'Content-Type': 'text/javascript; charset=utf-8',
      'Content-Length': script.length,
      'Cache-Control': keeping,
    });
    res.end(script);
  }
}
