import type { DetectionPlan, Transition } from '../../contracts/detection.ts';
import { defaultDeviceConfig } from '../../contracts/device-config.ts';
import { toAppError } from '../../contracts/errors.ts';
import { type Roi, WHOLE_PICTURE } from '../../contracts/rois.ts';
import { finish } from '../../detect/carry.ts';
import { compare } from '../../detect/compare.ts';
import type { DetectionState } from '../../detect/state.ts';
import { decodeGrey } from '../../picture/grey.ts';
import { parseArguments } from './arguments.ts';
import { readFlow, readRois } from './files.ts';
import { play } from './footage.ts';
import { heading, jsonLine, summary, tableLine } from './print.ts';

/** Where the command writes, line by line. */
export interface Lines {
  out(line: string): void;
  error(line: string): void;
}

const BAD_ARGUMENTS = new Set(['request.invalid', 'rois.invalid', 'flow.invalid']);

/**
 * `npm run backtest`: plays recorded footage through the real detection and prints its events. Answers the exit code: 0, 2 when an
 * option is wrong (one line on stderr names it), 1 when something else failed.
 */
export async function backtest(args: string[], env: NodeJS.ProcessEnv, lines: Lines): Promise<number> {
  try {
    const options = parseArguments(args);
    const { version, rois } = await readRois(options.rois);
    const flow = options.flow ? await readFlow(options.flow) : undefined;
    if (flow) {
      const more = flow.found > 1 ? ` (the first of ${flow.found})` : '';
      lines.error(`flow: delta-detect node "${flow.node}"${more}; it sets nothing that the ROIs do not`);
    }
    if (!options.json) lines.out(heading());
    let pictures = 0;
    let events = 0;
    const print = (event: Transition, first: number) => {
      if (event.phase !== 'end' || event.type === 'stock_changed') return;
      events += 1;
      lines.out(options.json ? jsonLine(event, first) : tableLine(event, first));
    };
    const plan = planFor(rois, version);
    const newId = counter();
    let state: DetectionState | undefined;
    let first: number | undefined;
    let last = 0;
    for await (const { jpeg, at, name } of play(options.clip, options.fps, env.FFMPEG_PATH || 'ffmpeg')) {
      first ??= at;
      last = at;
      pictures += 1;
      const compared = compare(state, await decodeGrey(jpeg), at, name, plan, newId);
      state = compared.state;
      for (const event of compared.report.events) print(event, first);
    }
    if (state) for (const event of finish(state, plan, newId)) print(event, first ?? 0);
    if (!options.json) lines.out(summary(pictures, last - (first ?? 0), events));
    return 0;
  } catch (thrown) {
    const error = toAppError(thrown);
    lines.error(error.message);
    return BAD_ARGUMENTS.has(error.code) ? 2 : 1;
  }
}

/** The plan of a camera with these ROIs and the contract's defaults. */
export function planFor(rois: Roi[], roiVersion: number): DetectionPlan {
  const defaults = defaultDeviceConfig();
  const watched = rois.some((roi) => roi.kind !== 'ignore') ? rois : [...rois, WHOLE_PICTURE];
  return {
    camera: 'footage',
    roiVersion,
    rois: watched,
    thresholds: Object.fromEntries(
      watched.map(({ name, threshold }) => [
        name,
        threshold === undefined
          ? { value: defaults.interaction_threshold, source: 'default' }
          : { value: threshold, source: 'roi' },
      ]),
    ),
    minFrames: { value: defaults.interaction_min_frames, source: 'default' },
    endTimeoutMs: { value: defaults.interaction_end_timeout_s * 1000, source: 'default' },
  };
}

function counter(): () => string {
  let next = 0;
  return () => `event-${++next}`;
}
