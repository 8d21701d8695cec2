import { guardNodeVersion } from '../../runtime/lib/node-version.ts';

guardNodeVersion();
