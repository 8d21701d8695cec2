import type { Request } from 'express';
import type { Clock } from '../../contracts/host.ts';
import type { User } from '../../contracts/users.ts';
import { requireCamera } from '../list-query.ts';
import type { Accounts } from './accounts.ts';
import { BasicAuth } from './basic.ts';
import { StreamTokens } from './stream-tokens.ts';

/** Answers who asks to see a camera; throws `auth.*` for nobody, a wrong credential, or a camera the user may not see. */
export type ViewerOf = (req: Request, camera: string) => Promise<User>;

/** What an HLS player asks for after its first playlist. */
const PIECE_OF_HLS = /\/(live\.m3u8|(init|seg|part)-[^/]*\.mp4)$/;

/**
 * The credentials of live pictures: Bearer, Basic, the console's cookie, and for GET a stream token (`?token=`, CONTRACTS §3): what
 * a link can hold must do nothing but read. Other routes know neither tokens nor Basic.
 */
export function viewerDoor(options: {
  accounts: Accounts;
  clock: Clock;
  authenticate: (req: Request) => Promise<User>;
}): ViewerOf {
  const tokens = new StreamTokens(options);
  const basic = new BasicAuth(options);
  const userOf = async (req: Request, camera: string): Promise<User> => {
    const header = req.get('Authorization');
    const { token } = req.query;
    const isRead = req.method === 'GET' || req.method === 'HEAD';
    if (isRead && header === undefined && typeof token === 'string') {
      return tokens.userOf(token, camera, PIECE_OF_HLS.test(req.path));
    }
    const player = header === undefined ? undefined : await basic.userOf(header, req.ip ?? '');
    return player ?? options.authenticate(req);
  };
  return async (req, camera) => {
    const user = await userOf(req, camera);
    requireCamera(user, camera);
    return user;
  };
}
