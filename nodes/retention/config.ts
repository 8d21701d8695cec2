import { Type } from 'typebox';
import { RETENTION_WORK } from '../../runtime/contracts/retention.ts';

export const version = 1;

export const schema = Type.Object({
  work: Type.Enum(RETENTION_WORK, {
    default: 'all',
    description:
      "all: everything; space: only what makes room (old frames, total size, free disk), not events' pictures",
  }),
  dry_run: Type.Boolean({ default: false, description: 'only tell what would be deleted' }),
});
