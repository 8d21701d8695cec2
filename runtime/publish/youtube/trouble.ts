import { AppError } from '../../contracts/errors.ts';

/** Google's reasons, for people; what is not here is told in Google's own words. */
const WORDS: Record<string, string> = {
  liveStreamingNotEnabled:
    'live streaming is not enabled for this channel: enable it at youtube.com/features (takes up to 24 h)',
  insufficientLivePermissions: 'this account may not stream live',
  livePermissionBlocked: 'YouTube has blocked live streaming for this account',
  quotaExceeded: "today's quota of the YouTube API is used up; it is renewed at midnight, Pacific time",
  userRequestsExceedRateLimit: 'too many broadcasts were begun in a short time; wait a while',
  liveBroadcastNotFound: 'the broadcast is not there any more; somebody deleted it at YouTube',
  liveStreamNotFound: 'the ingest is not there any more',
  errorStreamInactive: 'no picture has come to YouTube yet',
  invalid_grant: 'access was withdrawn, or has expired',
};

export interface Trouble {
  /** Google's word, as `quotaExceeded`; empty for what is none */
  code: string;
  words: string;
  /** the account has to be connected again */
  isRevoked: boolean;
  /** nothing was decided: Google was not reached, or was busy; the same call may do well in a while */
  isPassing: boolean;
}

/** What a failed call of Google's library says. */
export function troubleOf(thrown: unknown): Trouble {
  const { response, message = String(thrown) } = thrown as {
    message?: string;
    response?: { status?: number; data?: { error?: string | { message?: string; errors?: { reason?: string }[] } } };
  };
  const error = response?.data?.error;
  const code = typeof error === 'string' ? error : (error?.errors?.[0]?.reason ?? '');
  const said = typeof error === 'object' ? error.message : undefined;
  const isRevoked = code === 'invalid_grant' || (response?.status === 401 && code !== '');
  const isPassing = response?.status === undefined || response.status >= 500 || response.status === 429;
  const words = WORDS[code] ?? said ?? (response ? message : `YouTube was not reached: ${message}`);
  return { code, words, isRevoked, isPassing };
}

/** What YouTube finds wrong with what arrives, for people: its worst issue, else its verdict. */
export function issuesInWords(
  issues: readonly { severity?: string | null; reason?: string | null; description?: string | null }[] = [],
  verdict = 'good',
): string | undefined {
  const worst =
    issues.find(({ severity }) => severity === 'error') ?? issues.find(({ severity }) => severity === 'warning');
  if (worst) return worst.description || worst.reason || undefined;
  if (verdict === 'bad') return 'YouTube says that the picture arrives badly';
  return verdict === 'noData' ? 'YouTube gets no data' : undefined;
}

/** What went wrong, in words; our own errors keep theirs. */
export function readTrouble(thrown: unknown): Trouble {
  if (!(thrown instanceof AppError)) return troubleOf(thrown);
  return { words: thrown.message, code: thrown.code, isRevoked: false, isPassing: false };
}
