import type { Static, TObject } from 'typebox';
import { AppError } from '../../runtime/contracts/errors.ts';
import { parseFields } from './parse.ts';

/** Turns a config as the version before saved it into the next one. */
export type Upgrade = (old: Record<string, unknown>) => Record<string, unknown>;

/** What a node's `config.ts` exports. */
export interface ConfigShape<S extends TObject = TObject> {
  /** every field of the form, with its default */
  schema: S;
  /** 1 at first; rises by one whenever an old saved config would be misread */
  version: number;
  /** per version from 2 on: the step that leads to it */
  upgrades?: Readonly<Record<number, Upgrade>>;
}

/** Stops the loading of a node whose list of upgrades has a hole: no saved flow could get across it. */
export function checkShape(type: string, shape: ConfigShape): void {
  for (let version = 2; version <= shape.version; version += 1) {
    if (!shape.upgrades?.[version])
      throw new Error(`${type}: config version ${version} has no upgrade that leads to it`);
  }
}

/**
 * Reads a node's config out of its saved definition: brought up step by step from the version it was saved with (none: 1), then
 * checked, with defaults. Throws `node.config_invalid` that names the field.
 */
export function readSavedConfig<S extends TObject>(shape: ConfigShape<S>, saved: Record<string, unknown>): Static<S> {
  const from = saved.version === undefined || saved.version === '' ? 1 : Number(saved.version);
  if (!Number.isInteger(from) || from < 1) {
    throw new AppError('node.config_invalid', 'version must be a whole number from 1', { field: 'version' });
  }
  if (from > shape.version) {
    throw new AppError('node.config_invalid', `saved by a newer Redeye (version ${from}, here ${shape.version})`, {
      field: 'version',
    });
  }
  let config = saved;
  for (let version = from + 1; version <= shape.version; version += 1) {
    const upgrade = shape.upgrades?.[version];
    if (upgrade) config = upgrade({ ...config });
  }
  return parseFields(shape.schema, config, 'node.config_invalid');
}
