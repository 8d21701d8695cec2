import { explainFfmpeg } from '../ffmpeg.ts';

/** What a destination says when it does not want a push; nothing that another try in a second would change. */
const REFUSALS: [RegExp, string][] = [
  [/BadName|Stream name .*(in use|already)|already publishing/i, 'somebody else is pushing with this key already'],
  [
    /NetStream\.Publish|NetConnection\.Connect\.Rejected|Publishing .*(denied|failed)|Server error/i,
    'the destination refused the push; is the key right?',
  ],
  [
    /certificate|handshake|TLS fatal|gnutls|unable to (get|verify)/i,
    'its certificate is not trusted, or it does not speak TLS',
  ],
  [/Broken pipe|Connection reset|End of file|Input\/output error/i, 'the destination closed the connection'],
];

/** Whether nobody listened, so that it is worth finding out when somebody does. */
export function isAbsent(stderr: string): boolean {
  return /Connection refused|No route to host|Network is unreachable|Failed to resolve|Name or service not known/i.test(
    stderr,
  );
}

/** ffmpeg's last words about a push, for people; the secret parts never stay in. */
export function explainPush(stderr: string, secrets: readonly string[]): string {
  for (const [pattern, words] of REFUSALS) if (pattern.test(stderr)) return words;
  const words = explainFfmpeg(without(stderr, secrets));
  return words === 'the stream ended' ? 'the destination ended the stream' : words;
}

/** The text with each secret replaced; also in the form it has inside a URL. */
export function without(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) {
    if (secret.length < 3) continue;
    for (const form of new Set([secret, encodeURIComponent(secret), secret.split('?')[0] ?? secret]))
      if (form.length >= 3) clean = clean.replaceAll(form, '••••');
  }
  return clean;
}
