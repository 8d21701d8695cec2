import type { IceServer } from '../../contracts/live.ts';

/** More of them are of no use to anybody. */
const MOST_SERVERS = 8;
const TARGET = /[\s,]*<([^>]*)>/y;
const PARAMETER = /\s*;\s*([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",;]+)))?/y;
const ADDRESS = /^(?:stuns?|turns?):(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?(?:\?transport=(?:udp|tcp))?$/i;

/** The ICE servers that a WHIP endpoint names in its `Link` header (RFC 9725 §4.6; RFC 8288 §3); what is none is passed over. */
export function linkedServers(header: string): IceServer[] {
  const found: IceServer[] = [];
  let at = 0;
  const next = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match) at = pattern.lastIndex;
    return match;
  };
  for (let link = next(TARGET); link && found.length < MOST_SERVERS; link = next(TARGET)) {
    const said = new Map<string, string>();
    for (let one = next(PARAMETER); one; one = next(PARAMETER)) {
      const [, name = '', quoted, plain] = one;
      said.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '');
    }
    const url = link[1]?.trim() ?? '';
    const relations = said.get('rel')?.toLowerCase().split(/\s+/) ?? [];
    if (!relations.includes('ice-server') || !ADDRESS.test(url)) continue;
    const [username, credential] = [said.get('username'), said.get('credential')];
    if (username === undefined || credential === undefined) found.push({ url });
    else found.push({ url, username, credential });
  }
  return found;
}
