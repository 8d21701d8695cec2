import { readFileSync } from 'node:fs';
import type { Static, TObject, TSchema } from 'typebox';
import { AppError } from '../contracts/errors.ts';
import { parser } from './validate.ts';

/** Keywords of ours in a settings schema: `secret` hides the value, `list` splits at commas, `aliases` are older names. */
export interface SettingKeywords {
  secret?: boolean;
  list?: boolean;
  aliases?: string[];
}

/**
 * Reads settings from an environment into one typed, frozen object. `NAME_FILE` names a file that holds the value. A wrong value
 * throws `setting.invalid` with the setting's name, its value unless it is a secret, and what is allowed.
 */
export function readEnvironment<S extends TObject>(schema: S, env: NodeJS.ProcessEnv): Readonly<Static<S>> {
  const values: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(schema.properties)) {
    const keywords = property as SettingKeywords & { type?: string; default?: unknown; description?: string };
    const { key, text } = textOf(name, keywords.aliases ?? [], env) ?? { key: name, text: '' };
    if (text === '') {
      if (keywords.default !== undefined) values[name] = structuredClone(keywords.default);
      continue;
    }
    const value = convert(text, keywords);
    try {
      parser(property as TSchema)(value);
    } catch (cause) {
      const why = cause instanceof AppError ? cause.message.replace(/^body /, '') : String(cause);
      const shown = keywords.secret ? 'its value' : JSON.stringify(text);
      const allowed = keywords.description ? ` (${keywords.description})` : '';
      const alias = key === name ? '' : ` (${name})`;
      throw new AppError('setting.invalid', `${key}${alias}: ${shown} ${why}${allowed}`, { field: key });
    }
    values[name] = value;
  }
  return Object.freeze(values) as Readonly<Static<S>>;
}

/** The text of a setting, and under which of its names it was found. */
function textOf(name: string, aliases: string[], env: NodeJS.ProcessEnv): { key: string; text: string } | undefined {
  for (const key of [name, ...aliases]) {
    const file = env[`${key}_FILE`];
    // A setting whose own name ends in _FILE would read its value as a path to a value.
    if (file && !name.endsWith('_FILE')) {
      try {
        return { key, text: readFileSync(file, 'utf8').trim() };
      } catch (cause) {
        throw new AppError(
          'setting.invalid',
          `${key}_FILE: ${JSON.stringify(file)} cannot be read`,
          { field: key },
          { cause },
        );
      }
    }
    if (env[key] !== undefined) return { key, text: env[key].trim() };
  }
  return undefined;
}

/** A JSON array, as some systems before us wrote their lists; undefined for any other text. */
function jsonList(text: string): unknown[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function convert(text: string, keywords: SettingKeywords & { type?: string }): unknown {
  if (keywords.list || keywords.type === 'array') {
    const list = jsonList(text);
    if (list) return list;
    return text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  }
  if (keywords.type === 'integer' || keywords.type === 'number') return text === '' ? text : Number(text);
  if (keywords.type === 'boolean') {
    if (['1', 'true', 'on', 'yes'].includes(text.toLowerCase())) return true;
    if (['0', 'false', 'off', 'no'].includes(text.toLowerCase())) return false;
  }
  return text;
}
