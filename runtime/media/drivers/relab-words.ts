import { CAMERA_WORDS, type CameraWords } from '../../contracts/frame.ts';

/** Seed 000 writes them in its own case or, by alias, in that of the camera's library, where the model is one word. */
const ALIASES: Readonly<Record<string, string>> = { model: 'camera_model' };
const MOST_CHARS = 100;
const MOST_NUMBERS = 4;

/** What a camera said of its picture, as far as it is known and can be kept: numbers, short texts, sizes; undefined for nothing. */
export function wordsIn(metadata: unknown): CameraWords | undefined {
  if (!isObject(metadata)) return undefined;
  const groups = Object.entries(CAMERA_WORDS).flatMap(([group, names]) => {
    const said = metadata[group];
    const known = isObject(said) ? Object.entries(said).flatMap(([name, value]) => wordOf(name, value, names)) : [];
    return known.length > 0 ? [[group, Object.fromEntries(known)]] : [];
  });
  return groups.length > 0 ? (Object.fromEntries(groups) as CameraWords) : undefined;
}

function wordOf(name: string, value: unknown, names: readonly string[]): [string, CameraWords[string][string]][] {
  const plain = name.replace(/(?<!^)(?=[A-Z])/g, '_').toLowerCase();
  const known = ALIASES[plain] ?? plain;
  return names.includes(known) && isWord(value) ? [[known, value]] : [];
}

function isWord(value: unknown): value is CameraWords[string][string] {
  if (typeof value === 'string') return value.length <= MOST_CHARS && !value.includes('\0');
  if (Array.isArray(value)) return value.length <= MOST_NUMBERS && value.every(Number.isFinite);
  return Number.isFinite(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
