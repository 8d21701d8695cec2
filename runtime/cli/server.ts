import { calmWasmCompiler } from '../db/wasm-compiler.ts';
import { keepCompiledCode } from '../lib/compiled-code.ts';
import { guardNodeVersion } from '../lib/node-version.ts';

/** `npm run server`: what has to be settled before the rest of the program is loaded. */
guardNodeVersion();
calmWasmCompiler();
keepCompiledCode(import.meta.dirname, process.env.DATA_DIR);
const { runServer } = await import('./run-server.ts');
await runServer();
