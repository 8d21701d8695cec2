import type { PictureDesk } from '../contracts/gallery.ts';
import type { ImageStore } from './image-store.ts';

/**
 * Takes in what devices captured by themselves, now or a while ago: pictures like those that somebody asked the server for, linked to
 * their products, of nobody as a user. Answers as `PictureDesk.keep` says.
 */
export function ownPictures(store: Pick<ImageStore, 'addOnce'>): PictureDesk['keep'] {
  return async (device, { key, jpeg, meta }) => {
    const { camera, captured_at, width, height, jpeg_quality, driver, asked = {} } = meta;
    const { product_id: productId = null, description = null, exposure = null, gain = null } = meta;
    const facts = {
      camera,
      device,
      productId,
      userId: null,
      description,
      capturedAt: new Date(captured_at),
      exposure,
      gain,
      width,
      height,
      metadata: { ...(driver !== undefined && { driver }), jpeg_quality, asked, device_image_id: key },
    };
    const { id, duplicate } = await store.addOnce(jpeg, facts, key);
    return { image: id, duplicate };
  };
}
