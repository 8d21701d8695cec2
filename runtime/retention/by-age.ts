import type { RetentionRule } from '../db/retention-rules.repo.ts';
import { removeCaptures } from './captures.ts';
import { removeEventImages } from './event-images.ts';
import { DAY_MS, HOUR_MS, OPEN_EVENT_FACTOR } from './limits.ts';
import type { Run, Share } from './run.ts';

/** Deletes the rows of frames that were received too long ago: by their camera's rule where that is shorter, else by the site's. */
export async function expireCaptures(
  run: Run,
  now: number,
  rules: readonly RetentionRule[],
  share: Share | undefined,
): Promise<void> {
  const site = run.parts.limits.stagingHours;
  const own = rules.flatMap(({ camera, stagingHours }) =>
    stagingHours === undefined ? [] : [{ camera, stagingHours }],
  );
  const except = own.map(({ camera }) => camera);
  await removeCaptures(run, { except }, { before: now - site * HOUR_MS, share });
  for (const { camera, stagingHours } of own) {
    if (share?.more) return;
    await removeCaptures(run, { camera }, { before: now - Math.min(site, stagingHours) * HOUR_MS, share });
  }
}

/** Deletes the pictures of events that were entered too long ago: by their camera's rule where there is one, else by the site's. */
export async function expireEventImages(
  run: Run,
  now: number,
  rules: readonly RetentionRule[],
  share: Share | undefined,
): Promise<void> {
  const wish = (days: number) => ({
    before: now - days * DAY_MS,
    openBefore: now - days * OPEN_EVENT_FACTOR * DAY_MS,
    share,
  });
  const own = rules.flatMap(({ camera, eventImagesDays: days }) => (days === undefined ? [] : [{ camera, days }]));
  const except = own.map(({ camera }) => camera);
  await removeEventImages(run, { except }, wish(run.parts.limits.eventImagesDays));
  for (const { camera, days } of own) {
    if (share?.more) return;
    await removeEventImages(run, { camera }, wish(days));
  }
}
