import { DIALECT_SEGMENTS } from './dialects.ts';

/** First path segments of ours: no camera may have such a name, its live paths would be shadowed. */
export const RESERVED_IDS: ReadonlySet<string> = new Set([
  ...DIALECT_SEGMENTS,
  'api',
  'editor',
  'health',
  'healthz',
  'readyz',
  'metrics',
  'mqtt',
  'hls',
  'assets',
  'cameras',
  'v1',
]);
