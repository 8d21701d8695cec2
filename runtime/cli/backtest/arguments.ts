import { parseArgs } from 'node:util';
import { AppError } from '../../contracts/errors.ts';

export const USAGE = 'npm run -s backtest -- --clip FILE|DIR --rois FILE [--fps N, 10] [--flow FILE] [--json]';

const DEFAULT_FPS = 10;
const MAX_FPS = 120;

/** What the command was asked for. */
export interface BacktestArguments {
  clip: string;
  rois: string;
  fps: number;
  flow?: string;
  json: boolean;
}

/** Reads the command line; throws `request.invalid` with the option's name and what is allowed. */
export function parseArguments(args: string[]): BacktestArguments {
  const values = parsed(args);
  const fps = values.fps === undefined ? DEFAULT_FPS : Number(values.fps);
  if (!(fps > 0 && fps <= MAX_FPS)) {
    throw new AppError('request.invalid', `--fps must be a number above 0, up to ${MAX_FPS}, not "${values.fps}"`);
  }
  return {
    clip: needed('--clip', values.clip),
    rois: needed('--rois', values.rois),
    fps,
    flow: values.flow,
    json: values.json ?? false,
  };
}

function parsed(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        clip: { type: 'string' },
        rois: { type: 'string' },
        fps: { type: 'string' },
        flow: { type: 'string' },
        json: { type: 'boolean' },
      },
    }).values;
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split(/[.\n]/)[0] ?? '') : String(cause);
    throw new AppError('request.invalid', `${why}; usage: ${USAGE}`, {}, { cause });
  }
}

function needed(option: string, value: string | undefined): string {
  if (value) return value;
  throw new AppError('request.invalid', `${option} is missing; usage: ${USAGE}`);
}
