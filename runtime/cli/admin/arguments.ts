import { parseArgs } from 'node:util';

export const USAGE = `usage: npm run admin -- COMMAND

  status [--json]            what runs, how much waits, how much room there is
  reset-password [USER]      a new random password (default: admin), shown once
  backup FILE [--images]     database, secrets and flows into one .tar.gz; --images: the events' pictures too
  restore FILE               puts a backup in place of what is there; a server that runs is ended for it
`;

export type Command =
  | { name: 'status'; json: boolean }
  | { name: 'reset-password'; user: string }
  | { name: 'backup'; file: string; images: boolean }
  | { name: 'restore'; file: string };

/** Thrown for a command line that makes no sense; its message says why. */
export class UsageError extends Error {}

/** Reads the command line; throws a UsageError. */
export function readCommand(args: string[]): Command {
  const { positionals, values } = parsed(args);
  const [name, operand, ...more] = positionals;
  if (name === undefined) throw new UsageError('a command is missing');
  if (more.length > 0) throw new UsageError(`${JSON.stringify(more[0])} is too much`);
  const only = (allowed: readonly string[]) => {
    const other = Object.keys(values).find((option) => !allowed.includes(option));
    if (other !== undefined) throw new UsageError(`${name} takes no --${other}`);
  };
  const file = () => {
    if (operand === undefined || operand === '') throw new UsageError(`${name} needs the name of a file`);
    return operand;
  };
  switch (name) {
    case 'status':
      only(['json']);
      if (operand !== undefined) throw new UsageError(`${JSON.stringify(operand)} is too much`);
      return { name, json: values.json === true };
    case 'reset-password':
      only([]);
      return { name, user: operand ?? 'admin' };
    case 'backup':
      only(['images']);
      return { name, file: file(), images: values.images === true };
    case 'restore':
      only([]);
      return { name, file: file() };
    default:
      throw new UsageError(`there is no command ${JSON.stringify(name)}`);
  }
}

function parsed(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: { json: { type: 'boolean' }, images: { type: 'boolean' } },
    });
  } catch (error) {
    throw new UsageError((error as Error).message.split('.')[0] ?? 'the options are not understood');
  }
}
