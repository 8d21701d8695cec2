import { guardNodeVersion } from '../lib/node-version.ts';

guardNodeVersion();

// Only now: what follows needs the Node that the guard asks for.
const { backtest } = await import('./backtest/command.ts');
process.exitCode = await backtest(process.argv.slice(2), process.env, {
  out: (line) => process.stdout.write(`${line}\n`),
  error: (line) => process.stderr.write(`${line}\n`),
});
