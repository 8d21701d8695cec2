import { DIALECT_SEGMENTS } from './dialects.ts';

/** First path segments of ours, the console's and the edge's pages too: a camera of such a name would shadow them, or they its live paths. */
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
  'live',
  'events',
  'images',
  'devices',
  'streams',
  'settings',
  'login',
  'stream',
  'v1',
]);
