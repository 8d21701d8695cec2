import { computed, ref } from 'vue';
import type { LoginAnswer, UserRecord } from '../../contracts/api.ts';
import type { Role } from '../../contracts/users.ts';
import { calls } from './calls.ts';
import { ApiError, client, onExpired } from './client.ts';

type Answer = Pick<LoginAnswer, 'expires_in' | 'user'>;

const RANK: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };
/** Only says whether asking is worth it; the tokens lie in cookies that no script can read. */
const KNOWN = 'redeye.session';
const RENEWED = 'redeye.renewed';
/** Another tab's renewal is ours too: a refresh token is good for one use. */
const RENEWED_LATELY_MS = 10_000;
/** Epoch ms at which the session should be renewed. */
const DUE = 'redeye.due';

const user = ref<UserRecord>();
const checked = ref(false);
let timer: ReturnType<typeof setTimeout> | undefined;

/** Who is logged in, if anybody. */
export const session = {
  user,
  /** false until it is known whether somebody is */
  checked,
  mayOperate: computed(() => user.value !== undefined && RANK[user.value.role] >= RANK.operator),
  mayAdminister: computed(() => user.value?.role === 'admin'),

  /** Finds out who is logged in, from the cookies of an earlier visit. */
  async restore(): Promise<void> {
    onExpired(renew);
    if (localStorage.getItem(KNOWN) !== null) await resume();
    checked.value = true;
  },

  async login(name: string, password: string): Promise<void> {
    begin(await client.postAuthLogin({ email: name, password }));
  },

  async logout(): Promise<void> {
    try {
      await client.postAuthLogout();
    } finally {
      end();
    }
  },

  /** Sets a new password and logs in with it, because all sessions end with the old one. */
  async changePassword(current: string, next: string): Promise<void> {
    const name = user.value?.name ?? '';
    await calls.changePassword(current, next);
    await session.login(name, next);
  },
};

function begin(answer: Answer): void {
  user.value = answer.user;
  localStorage.setItem(KNOWN, '1');
  localStorage.setItem(RENEWED, String(Date.now()));
  // Pictures and the event stream cannot renew a session themselves: it is done well before it runs out.
  localStorage.setItem(DUE, String(Date.now() + answer.expires_in * 600));
  renewWhenDue();
}

/** A page that is reloaded goes on with the session it had: renewing at each reload could be cut off half way. */
async function resume(): Promise<void> {
  if (Date.now() >= Number(localStorage.getItem(DUE))) {
    await renew();
    return;
  }
  try {
    user.value = await client.getAuthMe();
    renewWhenDue();
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) end();
    else throw error;
  }
}

function renewWhenDue(): void {
  clearTimeout(timer);
  timer = setTimeout(
    () => {
      renew().catch(() => {
        // The server cannot be reached: the connection's banner says so, and the next request tries again.
        timer = setTimeout(renewWhenDue, 5000);
      });
    },
    Number(localStorage.getItem(DUE)) - Date.now(),
  );
}

function end(): void {
  clearTimeout(timer);
  user.value = undefined;
  localStorage.removeItem(KNOWN);
}

let running: Promise<boolean> | undefined;

/** True when the session goes on. Several who ask at once share one renewal, over all tabs where the browser can lock. */
function renew(): Promise<boolean> {
  running ??= locked(renewOnce).finally(() => {
    running = undefined;
  });
  return running;
}

async function renewOnce(): Promise<boolean> {
  if (user.value !== undefined && Date.now() - Number(localStorage.getItem(RENEWED)) < RENEWED_LATELY_MS) return true;
  try {
    begin(await client.postAuthRefresh());
    return true;
  } catch (error) {
    if (error instanceof ApiError && (error.status === 401 || error.status === 400)) {
      end();
      return false;
    }
    throw error;
  }
}

function locked<T>(work: () => Promise<T>): Promise<T> {
  return 'locks' in navigator ? navigator.locks.request('redeye.session', work) : work();
}
