/** File names of the outbox: `<n>-<id>.<step>.picture` waits, `<n>-<id>.<why>.dead` was given up. */
const WAITING = /^(\d{16})-([0-9a-f]{32})\.(\d)\.picture$/;
const DEAD = /^(\d{16})-([0-9a-f]{32})\.([a-z0-9_.-]{1,60})\.dead$/;

/** A picture that waits for the server. */
export interface WaitingPicture {
  /** rises: the order in which they were taken */
  n: number;
  /** 32 hexadecimal digits: the image's id on the device, and its key at the server */
  id: string;
  /** pauses that it has been through, 0 to 9 */
  step: number;
  /** bytes of the file */
  size: number;
}

/** A picture that was given up. */
export interface DeadPicture {
  n: number;
  id: string;
  /** a code, as `product.not_found` or `no_answer` */
  why: string;
  size: number;
}

/** The file name of one that waits. */
export function waitingName({ n, id, step }: Omit<WaitingPicture, 'size'>): string {
  return `${pad(n)}-${id}.${step}.picture`;
}

/** The file name of one that was given up. */
export function deadName({ n, id, why }: Omit<DeadPicture, 'size'>): string {
  return `${pad(n)}-${id}.${why}.dead`;
}

/** What a name means; undefined for an alien one. */
export function parseWaiting(name: string): Omit<WaitingPicture, 'size'> | undefined {
  const [, n, id = '', step] = WAITING.exec(name) ?? [];
  return n === undefined ? undefined : { n: Number(n), id, step: Number(step) };
}

/** What a name in `dead/` means; undefined for an alien one. */
export function parseDead(name: string): Omit<DeadPicture, 'size'> | undefined {
  const [, n, id = '', why = ''] = DEAD.exec(name) ?? [];
  return n === undefined ? undefined : { n: Number(n), id, why };
}

/** A code as it can stand in a name. */
export function whyInName(why: string): string {
  return (
    why
      .toLowerCase()
      .replace(/[^a-z0-9_.-]+/g, '_')
      .slice(0, 60) || 'unknown'
  );
}

function pad(n: number): string {
  return String(n).padStart(16, '0');
}
