/** A person at the editor's door. */
export interface EditorUser {
  name: string;
  mayEditFlows: boolean;
  /** of a session that whoever authenticates keeps; without one the editor keeps a session of its own */
  token?: string;
}

/** Our users, as far as the editor needs them; each call answers undefined for nobody. */
export interface EditorAuth {
  /** Checks what was typed at the editor's login. */
  authenticate(name: string, password: string): Promise<EditorUser | undefined>;
  /** Looked up at every request, by the name of `EditorUser` or as typed at login, so that a right withdrawn counts at once. */
  userOf(name: string): Promise<EditorUser | undefined>;
  /** Whose access token of ours this is. */
  userOfToken(token: string): Promise<EditorUser | undefined>;
}

interface NodeRedUser {
  username: string;
  permissions: '*';
  token?: string;
}

/**
 * Node-RED's `adminAuth` on our users. Whoever edits flows owns the server process, so there is nothing between all and nothing:
 * who may not edit flows does not get in, not even to look.
 */
export function adminAuthOf(auth: EditorAuth): Record<string, unknown> {
  const admit = (user: EditorUser | undefined): NodeRedUser | null =>
    user?.mayEditFlows
      ? { username: user.name, permissions: '*', ...(user.token !== undefined && { token: user.token }) }
      : null;
  return {
    type: 'credentials',
    users: async (name: string) => admit(await auth.userOf(name)),
    authenticate: async (name: string, password: string) => admit(await auth.authenticate(name, password)),
    tokens: async (token: string) => admit(await auth.userOfToken(token)),
  };
}
