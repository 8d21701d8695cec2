import { AppError, type ErrorCode } from '../../contracts/errors.ts';

/** The id of a user, image, video or product from an address; what cannot be one is not found. */
export function integerId(text: string | undefined, notFound: ErrorCode): number {
  const id = /^[1-9]\d{0,9}$/.test(text ?? '') ? Number(text) : Number.NaN;
  if (id <= 2_147_483_647) return id;
  throw new AppError(notFound, `there is no ${notFound.split('.')[0]} ${JSON.stringify((text ?? '').slice(0, 40))}`);
}
