import type { Crowd } from '../lib/gathering.ts';

/**
 * Devices that come back together, 80 questions of a kind a second and more: each would be ten statements, and a statement costs this process
 * and PostgreSQL 0.15 ms whether it is about one device or fifty. Nobody who comes alone waits.
 */
export const CROWD: Crowd = { size: 8, withinMs: 100, gatherMs: 40, enough: 64 };
