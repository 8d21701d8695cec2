import { guardNodeVersion } from '../runtime/lib/node-version.ts';
import { keepHeapSmall } from './agent/small-heap.ts';

/** `npm run edge`: the agent process, which forks the one that runs the flows. */
guardNodeVersion();
// Before anything else is loaded: what is compiled by then stays.
keepHeapSmall();
// One for slow name servers, one for the disk; libuv reads it at the first work.
process.env.UV_THREADPOOL_SIZE ??= '2';
const { keepCompiledCode } = await import('../runtime/lib/compiled-code.ts');
keepCompiledCode(import.meta.dirname, process.env.EDGE_DATA_DIR);
const { useSmallModules } = await import('./agent/small/modules.ts');
useSmallModules();
const { runEdge } = await import('./agent/run.ts');
await runEdge();
