import { isConsoleBuilt, makeConsole, viteBundle } from '../../runtime/cli/build-console.ts';
import { ROOT } from './programs.ts';

/** Bundles the console anew when its sources are not those it was made from: tests look at what is written, not at what was built. */
export function buildConsoleIfOld(): void {
  if (isConsoleBuilt(ROOT)) return;
  const bundle = viteBundle(ROOT);
  if (!bundle || !makeConsole(ROOT, bundle)) throw new Error('the console could not be built');
}
