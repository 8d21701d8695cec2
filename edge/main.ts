import { keepCompiledCode } from '../runtime/lib/compiled-code.ts';
import { guardNodeVersion } from '../runtime/lib/node-version.ts';
import { keepHeapSmall } from './agent/small-heap.ts';

/** `npm run edge`: the agent process, which forks the one that runs the flows. */
guardNodeVersion();
keepHeapSmall();
keepCompiledCode(import.meta.dirname, process.env.EDGE_DATA_DIR);
const { runEdge } = await import('./agent/run.ts');
await runEdge();
