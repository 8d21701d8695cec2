import type { StoredUser, UserStore } from '../../runtime/contracts/services.ts';

/** A UserStore in memory, with the same promises as the one in the database. */
export function memoryUsers(): UserStore & { users: StoredUser[]; entries: { actor: string; action: string }[] } {
  const users: StoredUser[] = [];
  const entries: { actor: string; action: string }[] = [];
  const tokens = new Map<string, { family: string; userId: number; expiresAt: number; used: boolean }>();
  return {
    users,
    entries,
    byLogin: async (login) =>
      users.find((user) => user.name === login.toLowerCase() || user.email?.toLowerCase() === login.toLowerCase()),
    byId: async (id) => users.find((user) => user.id === id),
    count: async () => users.length,
    async create(user) {
      const stored = { ...user, id: users.length + 1, disabled: false };
      users.push(stored);
      return stored;
    },
    async setPassword(id, passwordHash, mustChange) {
      const user = users.find((one) => one.id === id);
      if (user) Object.assign(user, { passwordHash, mustChangePassword: mustChange });
    },
    async addRefresh({ hash, family, userId, expiresAt }) {
      tokens.set(hash.toString('hex'), { family, userId, expiresAt, used: false });
    },
    async useRefresh(hash, now) {
      const token = tokens.get(hash.toString('hex'));
      if (!token) return undefined;
      const state = token.used ? 'used' : token.expiresAt <= now ? 'expired' : 'fresh';
      token.used = true;
      return { userId: token.userId, family: token.family, state };
    },
    async revokeFamily(family) {
      for (const [hash, token] of tokens) if (token.family === family) tokens.delete(hash);
    },
    async revokeAll(userId) {
      for (const [hash, token] of tokens) if (token.userId === userId) tokens.delete(hash);
    },
    async audit(entry) {
      entries.push(entry);
    },
  };
}
