import type { StoredAppPassword, StoredUser, UserStore } from '../../runtime/contracts/services.ts';

/** A UserStore in memory, with the same promises as the one in the database. */
export function memoryUsers(): UserStore & {
  users: StoredUser[];
  entries: { actor: string; action: string; details?: Record<string, unknown> }[];
} {
  const users: StoredUser[] = [];
  const entries: { actor: string; action: string; object: string; ip?: string; details?: Record<string, unknown> }[] =
    [];
  const appPasswords: (StoredAppPassword & { key: string })[] = [];
  const another = (id: number) => users.some((user) => user.id !== id && user.role === 'admin' && !user.disabled);
  const taken = (text: string | null, id = 0) =>
    text !== null &&
    users.some(
      (user) => user.id !== id && [user.name, user.email ?? ''].some((own) => own.toLowerCase() === text.toLowerCase()),
    );
  let lastId = 0;
  const tokens = new Map<string, { family: string; userId: number; expiresAt: number; used: boolean }>();
  const store: ReturnType<typeof memoryUsers> = {
    users,
    entries,
    byLogin: async (login) =>
      users.find((user) => [user.name, user.email ?? ''].some((own) => own.toLowerCase() === login.toLowerCase())),
    byId: async (id) => users.find((user) => user.id === id),
    count: async () => users.length,
    async create(user) {
      if (taken(user.name) || taken(user.email)) return undefined;
      lastId += 1;
      const stored = { ...user, id: lastId, disabled: false };
      users.push(stored);
      return stored;
    },
    list: async () => users.toSorted((one, other) => one.name.localeCompare(other.name)),
    async update(id, change) {
      const user = users.find((one) => one.id === id);
      if (!user) return 'unknown';
      const leaves = (change.role ?? 'admin') !== 'admin' || change.disabled === true;
      if (leaves && user.role === 'admin' && !user.disabled && !another(id)) return 'last_admin';
      if (change.email !== undefined && taken(change.email, id)) return 'exists';
      for (const [field, value] of Object.entries(change))
        if (value !== undefined) Object.assign(user, { [field]: value });
      return { ...user };
    },
    async remove(id) {
      const user = users.find((one) => one.id === id);
      if (!user) return 'unknown';
      if (user.role === 'admin' && !user.disabled && !another(id)) return 'last_admin';
      users.splice(users.indexOf(user), 1);
      return 'removed';
    },
    async setPassword(id, passwordHash, mustChange, given = false) {
      const user = users.find((one) => one.id === id);
      if (user) Object.assign(user, { passwordHash, mustChangePassword: mustChange, passwordGiven: given });
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
    async sessionHolder(hash, now) {
      const token = tokens.get(hash.toString('hex'));
      return token && !token.used && token.expiresAt > now ? token.userId : undefined;
    },
    async revokeFamily(family) {
      for (const [hash, token] of tokens) if (token.family === family) tokens.delete(hash);
    },
    async revokeAll(userId) {
      for (const [hash, token] of tokens) if (token.userId === userId) tokens.delete(hash);
    },
    async addAppPassword({ at, ...made }) {
      const stored = { ...made, id: appPasswords.length + 1, createdAt: at };
      appPasswords.unshift(stored);
      return stored;
    },
    appPasswords: async (userId) => appPasswords.filter((one) => one.userId === userId),
    appPassword: async (key) => appPasswords.find((one) => one.key === key),
    async removeAppPassword(userId, id) {
      const at = appPasswords.findIndex((one) => one.userId === userId && one.id === id);
      return at >= 0 && appPasswords.splice(at, 1).length > 0;
    },
    async touchAppPassword(id, at) {
      const used = appPasswords.find((one) => one.id === id);
      if (used) used.lastUsedAt = at;
    },
    async audit(entry) {
      entries.push(entry);
    },
    async auditLog({ limit }) {
      const items = entries.map((entry, at) => ({
        ip: null,
        details: {},
        ...entry,
        id: at + 1,
        at: new Date(0).toISOString(),
      }));
      return { items: items.toReversed().slice(0, limit), next: null };
    },
    tx: (work) => work(store),
  };
  return store;
}
