import { guardNodeVersion } from '../runtime/lib/node-version.ts';
import { keepHeapSmall } from './agent/small-heap.ts';

/** `npm run edge`: the agent process, which forks the one that runs the flows. */
guardNodeVersion();
keepHeapSmall();
const { runEdge } = await import('./agent/run.ts');
await runEdge();
