import type { dialectError, ErrorShape } from '../../runtime/contracts/dialects.ts';
import { compucytoBackend } from './compucyto-backend.ts';
import type { Operation } from './operation.ts';

export interface Dialect {
  /** how its clients know an error */
  shape: ErrorShape;
  operations: Record<string, Operation>;
  /** where errors of it look otherwise */
  refuse?: typeof dialectError;
}

/** Every API that is answered, by the name in the node's form. */
export const DIALECTS: Readonly<Record<string, Dialect | undefined>> = {
  'compucyto-backend': { shape: 'nest', operations: compucytoBackend },
};
