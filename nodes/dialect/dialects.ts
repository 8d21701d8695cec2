import type { ErrorShape } from '../../runtime/contracts/dialects.ts';
import { camsuite } from './camsuite.ts';
import { compucytoBackend } from './compucyto-backend.ts';
import { compucytoService } from './compucyto-service.ts';
import { mediamtx } from './mediamtx.ts';
import type { Operation } from './operation.ts';
import { pivision } from './pivision.ts';
import { relabDevice } from './relab-device.ts';
import { relabPlatform } from './relab-platform.ts';
import { uuplastination } from './uuplastination.ts';

export interface Dialect {
  /** how its clients know an error */
  shape: ErrorShape;
  operations: Record<string, Operation>;
}

/** Every API that is answered, by the name in the node's form. */
export const DIALECTS: Readonly<Record<string, Dialect | undefined>> = {
  camsuite: { shape: 'suite', operations: camsuite },
  'compucyto-backend': { shape: 'nest', operations: compucytoBackend },
  'compucyto-service': { shape: 'service', operations: compucytoService },
  mediamtx: { shape: 'mediamtx', operations: mediamtx },
  pivision: { shape: 'pivision', operations: pivision },
  'relab-device': { shape: 'fastapi', operations: relabDevice },
  'relab-platform': { shape: 'fastapi', operations: relabPlatform },
  uuplastination: { shape: 'fastapi', operations: uuplastination },
};
