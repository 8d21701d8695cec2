import type { DetectionPlan } from '../contracts/detection.ts';
import { AppError } from '../contracts/errors.ts';
import type { Roi, RoiSet } from '../contracts/rois.ts';
import type { Actor } from '../contracts/services.ts';
import { findCameraDevice, lockCamera } from '../db/cameras.repo.ts';
import { findDetectionSettings, findRois, insertRois } from '../db/rois.repo.ts';
import { audit, type FleetContext } from './context.ts';
import { detectionPlan } from './detection-plan.ts';
import { polygonTrouble } from './polygon.ts';

/** How old a plan may be that another process could have changed without our hearing of it. */
const PLAN_CACHE_MS = 5000;

/** The ROIs of every camera, and what comparisons go by. */
export class RoiBook {
  readonly #context: FleetContext;
  readonly #plans = new Map<string, { until: number; plan: Promise<DetectionPlan> }>();

  constructor(context: FleetContext) {
    this.#context = context;
  }

  /** The ROIs in force; version 0 and none where none were drawn. Throws `camera.not_found`. */
  async get(camera: string): Promise<{ version: number; rois: Roi[] }> {
    const row = await findRois(this.#context.db, camera);
    if ((await findCameraDevice(this.#context.db, camera)) === undefined) throw unknown(camera);
    return row ?? { version: 0, rois: [] };
  }

  /** Replaces the ROIs, from the next picture on. Throws `rois.invalid`, and `rois.version_conflict` for a version that is not in force. */
  async put(camera: string, body: RoiSet, actor: Actor): Promise<{ version: number; rois: Roi[] }> {
    checkRois(body.rois);
    const { db, clock, notices } = this.#context;
    const saved = await db.tx(async (q) => {
      if (!(await lockCamera(q, camera))) throw unknown(camera);
      const current = (await findRois(q, camera))?.version ?? 0;
      if (body.version !== undefined && body.version !== current) {
        const message = `The ROIs were changed meanwhile: version ${current} is in force, not ${body.version}.`;
        throw new AppError('rois.version_conflict', message, { field: 'version', version: current });
      }
      const next = { version: current + 1, rois: body.rois };
      await insertRois(q, camera, { ...next, actor: actor.name, at: new Date(clock.now()) });
      await audit(q, actor, 'camera.rois', `camera/${camera}`, {
        version: next.version,
        names: body.rois.map((roi) => roi.name),
      });
      await notices.send(q, 'rois', camera);
      return next;
    });
    this.#plans.delete(camera);
    return saved;
  }

  /** What comparisons of the camera go by; throws `camera.not_found`. */
  async plan(camera: string): Promise<DetectionPlan> {
    const now = this.#context.clock.monotonicMs();
    const cached = this.#plans.get(camera);
    if (cached && cached.until > now) return cached.plan;
    const entry = { until: now + PLAN_CACHE_MS, plan: this.#resolve(camera) };
    this.#plans.set(camera, entry);
    entry.plan.catch(() => {
      if (this.#plans.get(camera) === entry) this.#plans.delete(camera);
    });
    return entry.plan;
  }

  /** Plans are resolved anew: of one camera, or of all when a configuration changed. */
  forget(camera?: string): void {
    if (camera === undefined) this.#plans.clear();
    else this.#plans.delete(camera);
  }

  async #resolve(camera: string): Promise<DetectionPlan> {
    const settings = await findDetectionSettings(this.#context.db, camera);
    if (settings === undefined) throw unknown(camera);
    return detectionPlan(camera, settings);
  }
}

/** Throws `rois.invalid` for what the schema cannot say: names twice, and polygons that enclose nothing or cross themselves. */
export function checkRois(rois: readonly Roi[]): void {
  const names = new Set<string>();
  for (const [i, roi] of rois.entries()) {
    if (names.has(roi.name)) {
      throw new AppError('rois.invalid', `The name "${roi.name}" is there twice.`, { field: `rois.${i}.name` });
    }
    names.add(roi.name);
    const trouble = polygonTrouble(roi.points);
    if (trouble !== undefined) {
      throw new AppError('rois.invalid', `The polygon "${roi.name}" ${trouble}.`, { field: `rois.${i}.points` });
    }
  }
}

function unknown(camera: string): AppError {
  return new AppError('camera.not_found', `There is no camera "${camera}".`);
}
