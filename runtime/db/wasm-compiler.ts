import { totalmem } from 'node:os';
import { setFlagsFromString } from 'node:v8';

/** Below it nothing of the embedded PostgreSQL is compiled a second time, bytes: a Raspberry Pi with 2 GB. */
const SMALL_MEMORY = 3 * 1024 ** 3;

/**
 * Keeps V8 from optimising PGlite's WebAssembly early. V8 counts the bytes that jumps pass over, so PostgreSQL's parser (one function of
 * 105 KB) looks hot after two statements, and to optimise it takes 600 MB and 0.7 s of work. Measured on x64, one start: 627 MB
 * resident and 1.5 s of work without, 160 MB and 0.5 s with it. A server that is busy gets the faster code later (after some
 * hundred statements); with little memory never, where statements take 1.7 times as long. To be called before the first database is
 * opened; calling it again changes nothing.
 */
export function calmWasmCompiler(memory = memoryOfThis()): void {
  setFlagsFromString('--wasm-tiering-budget=2147483647');
  if (memory >= SMALL_MEMORY) return;
  for (const flag of ['--no-wasm-dynamic-tiering', '--no-wasm-tier-up', '--liftoff-only']) setFlagsFromString(flag);
}

/** What this process may use at most: of the machine, or of its container. */
function memoryOfThis(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
