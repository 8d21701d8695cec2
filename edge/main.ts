import { keepCompiledCode } from '../runtime/lib/compiled-code.ts';
import { guardNodeVersion } from '../runtime/lib/node-version.ts';
import { useSmallModules } from './agent/small/modules.ts';
import { keepHeapSmall } from './agent/small-heap.ts';

/** `npm run edge`: the agent process, which forks the one that runs the flows. */
guardNodeVersion();
keepHeapSmall();
// One for slow name servers, one for the disk; libuv reads it at the first work.
process.env.UV_THREADPOOL_SIZE ??= '2';
keepCompiledCode(import.meta.dirname, process.env.EDGE_DATA_DIR);
useSmallModules();
const { runEdge } = await import('./agent/run.ts');
await runEdge();
