import type { User } from '../../contracts/users.ts';
import { type Accounts, EDITOR_TOKEN, requireOwnPassword } from './accounts.ts';

interface EditorUser {
  name: string;
  mayEditFlows: boolean;
  token?: string;
}

/**
 * Our users at the flow editor's door; the flow engine decides what their right to edit flows opens. The editor's sessions are ours, so
 * that a new password or a disabled user ends them; of sessions that it kept by itself it knows only a name, and those count for nothing.
 */
export function editorAuth(accounts: Accounts) {
  const shown = (user: User): EditorUser => {
    requireOwnPassword(user);
    return { name: user.name, mayEditFlows: user.mayEditFlows };
  };
  // Whatever is wrong with a credential, the editor only hears that it is nobody's.
  const orNobody = async (find: () => Promise<EditorUser>): Promise<EditorUser | undefined> => {
    try {
      return await find();
    } catch {
      return undefined;
    }
  };
  return {
    authenticate: (name: string, password: string) =>
      orNobody(async () => {
        const user = await accounts.checkPassword(name, password, undefined);
        const editor = shown(user);
        return editor.mayEditFlows ? { ...editor, token: await accounts.openEditorSession(user) } : editor;
      }),
    userOf: async (_name: string) => undefined,
    userOfToken: (token: string) =>
      orNobody(async () =>
        shown(
          await (token.startsWith(EDITOR_TOKEN) ? accounts.userOfEditorSession(token) : accounts.userOfToken(token)),
        ),
      ),
  };
}
