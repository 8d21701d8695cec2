/** One promise with what was seen of it. */
export interface Claim {
  what: string;
  measured: string;
  isHeld: boolean;
  /** what was against it, in words */
  broken?: string[];
}

/** A claim that holds when nothing speaks against it. */
export function claim(what: string, measured: string, broken: string[] = []): Claim {
  return { what, measured, isHeld: broken.length === 0, broken };
}

/** The ledger as a table, with what was against a claim below it. */
export function fleetTable(claims: readonly Claim[]): string {
  const rows = claims.map(
    ({ what, measured, isHeld }) => `| ${what} | ${measured} | ${isHeld ? 'held' : '**broken**'} |`,
  );
  const against = claims.flatMap(({ what, broken = [] }) => broken.map((line) => `- ${what}: ${line}`));
  return `| claim | seen | |\n|---|---|---|\n${rows.join('\n')}\n${against.length > 0 ? `\n${against.join('\n')}\n` : ''}`;
}

/** Median and worst of times in ms, in seconds. */
export function timesOf(ms: readonly number[]): string {
  const sorted = ms.toSorted((one, other) => one - other);
  const seconds = (value = Number.NaN) => `${(value / 1000).toFixed(1)} s`;
  return `median ${seconds(sorted[Math.floor(sorted.length / 2)])}, worst ${seconds(sorted.at(-1))}`;
}

/** The value below which that share of all lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
