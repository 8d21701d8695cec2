import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Static, Type } from 'typebox';
import { PUSH_SOUNDS, type PushSpec } from '../../contracts/pushes.ts';
import { ensureFolder, ifThere, writeFileDurably } from '../../lib/files.ts';
import { parser } from '../../lib/validate.ts';

/** What outlives the process of a push. */
export interface RememberedPush {
  name: string;
  wanted: boolean;
  /** only of a push that nobody declares again after a restart */
  spec?: PushSpec;
}

export interface PushMemory {
  load(): Promise<RememberedPush[]>;
  save(push: RememberedPush): Promise<void>;
  /** It has another name now. */
  rename(from: string, push: RememberedPush): Promise<void>;
  forget(name: string): Promise<void>;
}

const Remembered = Type.Object({
  pushes: Type.Array(
    Type.Object({
      name: Type.String(),
      wanted: Type.Boolean(),
      spec: Type.Optional(
        Type.Object({
          name: Type.String(),
          camera: Type.String(),
          url: Type.Optional(Type.String()),
          key: Type.Optional(Type.String()),
          keyFile: Type.Optional(Type.String()),
          sound: Type.Optional(Type.Union(PUSH_SOUNDS.map((sound) => Type.Literal(sound)))),
          insecure: Type.Optional(Type.Boolean()),
        }),
      ),
    }),
  ),
});
const parse = parser(Remembered, 'setting.invalid');

/** Keeps pushes in one file that only its owner may read; it holds keys of those that nobody else would bring again. */
export function createPushFile(path: string): PushMemory {
  let known = new Map<string, RememberedPush>();
  let writing: Promise<void> = Promise.resolve();
  const write = () => {
    const next = async () => {
      await ensureFolder(dirname(path), 0o700);
      await writeFileDurably(path, `${JSON.stringify({ pushes: [...known.values()] }, null, 2)}\n`, 0o600);
    };
    // One after the other, also behind one that failed.
    writing = writing.then(next, next);
    return writing;
  };
  return {
    async load() {
      const text = await ifThere(() => readFile(path, 'utf8'));
      if (text === undefined) return [];
      const { pushes } = parse(JSON.parse(text)) as Static<typeof Remembered>;
      known = new Map(pushes.map((push) => [push.name, push as RememberedPush]));
      return [...known.values()];
    },
    save(push) {
      known.set(push.name, push);
      return write();
    },
    rename(from, push) {
      known.delete(from);
      known.set(push.name, push);
      return write();
    },
    forget(name) {
      return known.delete(name) ? write() : Promise.resolve();
    },
  };
}
