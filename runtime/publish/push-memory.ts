import type { PushSpec } from '../contracts/pushes.ts';
import type { Db } from '../db/db.ts';
import { deleteStream, listStreams, putStream, renameStream } from '../db/streams.repo.ts';

/** As `createCipher` gives it. */
export interface Cipher {
  seal(text: string): string;
  open(text: string): string;
}

/** Keeps pushes in the table of streams; destination and key encrypted. */
export function createPushTable(db: Db, cipher: Cipher) {
  return {
    async load(): Promise<{ name: string; wanted: boolean; spec?: PushSpec }[]> {
      const rows = (await listStreams(db)).filter(({ type, device }) => type === 'rtmp' && device === undefined);
      return rows.map(({ name, wanted, kept, camera, config, secret }) => {
        if (!kept) return { name, wanted };
        const sealed = secret === undefined ? {} : (JSON.parse(cipher.open(secret)) as Partial<PushSpec>);
        return { name, wanted, spec: { ...config, ...sealed, name, camera } };
      });
    },
    async save({ name, wanted, spec }: { name: string; wanted: boolean; spec?: PushSpec }): Promise<void> {
      const { camera = '', url, key, keyFile, sound, insecure } = spec ?? {};
      await putStream(db, {
        name,
        camera,
        type: 'rtmp',
        wanted,
        kept: spec !== undefined,
        config: { ...(sound && { sound }), ...(insecure && { insecure }) },
        secret: spec && cipher.seal(JSON.stringify({ url, key, keyFile })),
        createdBy: 'flow',
      });
    },
    async rename(from: string, { name }: { name: string }): Promise<void> {
      await renameStream(db, from, name);
    },
    async forget(name: string): Promise<void> {
      await deleteStream(db, name);
    },
  };
}
