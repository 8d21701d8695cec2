import { Refusal } from './operation.ts';

/** What our codes are on the platform: a camera away is 503, its key 401 or 403, an answer that is none 424 (§2.1). */
const STATUS: Record<string, number> = {
  'camera.key_missing': 401,
  'camera.key_refused': 403,
  'camera.bad_answer': 424,
  'camera.busy': 409,
};

/** Has refusals of the camera say what they say on the platform. */
export async function fromCamera<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(STATUS[error.code] ?? error.status, error.code, error.message);
  }
}

/** The same for a code that stands in an answer. */
export function statusRefusal(code: string, words: string): Refusal {
  return new Refusal(STATUS[code] ?? 503, code, words);
}
