import type { Tools } from './operation.ts';
import { type LiveSettings, streamMetadata } from './relab-metadata.ts';

/** `StreamMetadata` of a camera that streams; one that does not tell its settings streams all the same. */
export async function streamMetadataOf(
  camera: string,
  how: { state: string; reason?: string | null | undefined },
  { raw }: Tools,
): Promise<object> {
  const path = `/cameras/${encodeURIComponent(camera)}`;
  const [known, set] = await Promise.all([
    raw({ method: 'GET', path }),
    raw({ method: 'GET', path: `${path}/settings` }),
  ]);
  const { driver = '' } = (known.status === 200 ? known.body : {}) as { driver?: string };
  return streamMetadata(driver, set.status === 200 ? (set.body as LiveSettings) : {}, how);
}
