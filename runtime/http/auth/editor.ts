import type { User } from '../../contracts/users.ts';
import type { Accounts } from './accounts.ts';

interface EditorUser {
  name: string;
  mayEditFlows: boolean;
}

/** Our users at the flow editor's door; the flow engine decides what their right to edit flows opens. */
export function editorAuth(accounts: Accounts) {
  const shown = (user: User): EditorUser => ({ name: user.name, mayEditFlows: user.mayEditFlows });
  // Whatever is wrong with a credential, the editor only hears that it is nobody's.
  const orNobody = async (found: Promise<User | undefined>): Promise<EditorUser | undefined> => {
    try {
      const user = await found;
      return user && shown(user);
    } catch {
      return undefined;
    }
  };
  return {
    authenticate: (name: string, password: string) => orNobody(accounts.checkPassword(name, password, undefined)),
    userOf: (name: string) => orNobody(accounts.userOfName(name)),
    userOfToken: (token: string) => orNobody(accounts.userOfToken(token)),
  };
}
