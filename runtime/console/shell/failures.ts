import { toApiError } from '../api/client.ts';
import { words } from '../strings.ts';
import { say } from './toasts.ts';

/** What failed, in words of ours where the code is known, else in the server's, with the code that leads to the runbook. */
export function explain(thrown: unknown): { text: string; code: string } {
  const error = toApiError(thrown);
  const known: Record<string, string> = words.errors;
  const said = known[error.code] ?? sentence(error.message);
  const text = error.reason === undefined ? said : `${sentence(said)} ${sentence(error.reason)}`;
  return { text, code: error.code };
}

/** Says at the edge of the page that something failed. */
export function sayFailed(thrown: unknown): void {
  const { text, code } = explain(thrown);
  say(`${text} (${code})`, { tone: 'bad' });
}

/** The server's messages begin in lower case and end without a full stop, as parts of log lines do. */
export function sentence(message: string): string {
  const text = message.trim();
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?…]$/.test(text) ? '' : '.'}`;
}
