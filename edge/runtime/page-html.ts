import type { PublisherHealth } from '../../runtime/contracts/pushes.ts';
import type { CapturesView } from '../ipc.ts';

/** What `/health` says, and the status page shows. */
export interface DeviceHealthPage {
  /** `healthy` as seed 002's service says it; `degraded` when camera, flows or server are not well */
  status: 'healthy' | 'degraded';
  /** whether the first camera gives pictures, as far as is known (S2.9) */
  camera_connected: boolean;
  timestamp: string;
  device: string;
  version: string;
  uptime_s: number;
  mode: 'baseline' | 'burst';
  camera: { id: string; driver: string; state: string; last_frame: string | null; reason?: string } | null;
  spool: { state: string; frames: number; bytes: number; sent: number; dropped: number; rejected: number };
  /** this device's own captures on their way to the server */
  captures: CapturesView;
  link: { mqtt: 'connected' | 'disconnected'; server: 'reached' | 'not reached'; reason?: string };
  flows: { state: string; reason?: string };
  /** all pushes of this device in one, as seed 001's dashboard reads it */
  publisher: PublisherHealth;
}

/** Light and dark by the browser's choice; one column on a phone. Names of our own: the player takes the console's where it finds them. */
const STYLE = `
:root{color-scheme:light dark;--page-ground:#f6f7f8;--page-card:#fff;--page-line:#dfe3e6;--page-text:#14181b;--page-soft:#5d6870;--page-good:#17724a;--page-bad:#b3232b;--page-lead:#cd2f38;--page-focus:#1f6fd6}
@media(prefers-color-scheme:dark){:root{--page-ground:#0f1214;--page-card:#15191c;--page-line:#272d32;--page-text:#e9ecee;--page-soft:#a9b2b9;--page-good:#5cc48f;--page-bad:#ff8589;--page-focus:#6ea8f0}}
*{box-sizing:border-box}
body{margin:0;background:var(--page-ground);color:var(--page-text);font:16px/1.5 system-ui,sans-serif}
header{display:flex;flex-wrap:wrap;gap:.5rem 1.25rem;align-items:center;padding:.75rem 1.25rem;background:var(--page-card);border-bottom:1px solid var(--page-line)}
header b{font-size:1.05rem}header b::before{content:"";display:inline-block;width:.7em;height:.7em;margin-right:.5em;border-radius:50%;background:var(--page-lead)}
nav{display:flex;gap:1rem;margin-left:auto}
a{color:inherit;text-underline-offset:.2em}
main{max-width:60rem;margin:0 auto;padding:1.25rem}
.card{background:var(--page-card);border:1px solid var(--page-line);border-radius:6px;overflow:hidden;margin-bottom:1.25rem}
.card h2{margin:0;padding:.75rem 1rem;font-size:1rem;border-bottom:1px solid var(--page-line)}
table{width:100%;border-collapse:collapse}
th,td{padding:.5rem 1rem;text-align:left;vertical-align:top;border-top:1px solid var(--page-line);overflow-wrap:anywhere}
tr:first-child>*{border-top:0}th{width:13rem;color:var(--page-soft);font-weight:500}
.good{color:var(--page-good);font-weight:600}.bad{color:var(--page-bad);font-weight:600}
ul{list-style:none;margin:0;padding:0}li{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:center;padding:.6rem 1rem;border-top:1px solid var(--page-line)}
li:first-child{border-top:0}li span{color:var(--page-soft)}li a{margin-left:auto}
.button,button{display:inline-block;padding:.45rem .9rem;border:0;border-radius:6px;background:var(--page-lead);color:#fff;font:inherit;font-weight:600;text-decoration:none;cursor:pointer}
:focus-visible{outline:2px solid var(--page-focus);outline-offset:2px}
redeye-player,.picture{display:block;width:100%}.picture{aspect-ratio:16/9;background:#000;object-fit:contain}
form{display:grid;gap:.75rem;padding:1rem}label{display:grid;gap:.25rem;color:var(--page-soft)}
input{padding:.5rem .7rem;border:1px solid var(--page-line);border-radius:6px;background:var(--page-ground);color:var(--page-text);font:inherit}
.narrow{max-width:24rem;margin-top:12vh}small{color:var(--page-soft)}
p{margin:0;padding:.75rem 1rem}
@media(max-width:34rem){th{width:auto;display:block;padding-bottom:0;border-top:1px solid var(--page-line)}td{display:block;border-top:0;padding-top:0}tr:first-child td{border-top:0}}
`;

/** How the device is, and its cameras. */
export function statusPage(health: DeviceHealthPage, cameras: readonly string[]): string {
  const { camera, spool, captures, link, flows, publisher, device, status } = health;
  const rows: [string, string, ('good' | 'bad' | undefined)?][] = [
    [
      'State',
      status === 'healthy' ? 'all is well' : 'something needs attention',
      status === 'healthy' ? 'good' : 'bad',
    ],
    ['Camera', camera ? `${camera.driver}: ${camera.state}${because(camera.reason)}` : 'none'],
    ['Last picture', camera?.last_frame ? `${camera.last_frame.slice(0, 19).replace('T', ' ')} UTC` : 'none yet'],
    ['Mode', health.mode],
    ['Waiting for the server', `${spool.frames} frames (${spool.state})`],
    ['Sent', String(spool.sent)],
    ['Captures for the server', capturesInWords(captures), captures.dead > 0 ? 'bad' : undefined],
    ['On the air', publisher.status === 'missing' ? 'no push' : publisher.status + because(publisher.detail)],
    ['Server', link.server + because(link.reason)],
    ['MQTT', link.mqtt],
    ['Flows', flows.state + because(flows.reason)],
    ['Version', health.version],
    ['Up for', duration(health.uptime_s)],
  ];
  const table = rows.map(
    ([name, value, tone]) =>
      `<tr><th scope="row">${asHtml(name)}</th><td${tone ? ` class="${tone}"` : ''}>${asHtml(value)}</td></tr>`,
  );
  const list = cameras.map((id) => {
    const state = id === camera?.id ? camera.state : '';
    const watch = `/stream/watch?camera=${encodeURIComponent(id)}`;
    return `<li><b>${asHtml(id)}</b> <span>${asHtml(state)}</span><a class="button" href="${asHtml(watch)}">Watch live</a></li>`;
  });
  const cards =
    `<section class="card"><h2>Cameras</h2>${list.length > 0 ? `<ul>${list.join('')}</ul>` : '<p>This device has no camera.</p>'}</section>` +
    `<section class="card"><h2>Device</h2><table>${table.join('')}</table></section>`;
  return page(device, cards, '<meta http-equiv="refresh" content="5">');
}

/** A camera live. Without the player's scripts, which come with a built console, it is pictures one after the other. */
export function watchPage(view: {
  device: string;
  cameras: readonly string[];
  camera: string;
  hasPlayer: boolean;
}): string {
  const { device, cameras, camera, hasPlayer } = view;
  const known = cameras.includes(camera);
  const id = asHtml(camera);
  const picture = hasPlayer
    ? `<redeye-player camera="${id}" name="${id}"></redeye-player><script type="module" src="/assets/redeye-player.js"></script>`
    : `<img class="picture" alt="${id}, live" src="/api/v1/cameras/${id}/mjpeg">`;
  const others = cameras.filter((one) => one !== camera);
  const links = others.map(
    (one) => `<li><b>${asHtml(one)}</b><a href="/stream/watch?camera=${asHtml(one)}">Watch</a></li>`,
  );
  const more =
    links.length > 0 ? `<section class="card"><h2>Other cameras</h2><ul>${links.join('')}</ul></section>` : '';
  const body = known ? picture : '<p>There is no such camera on this device.</p>';
  return page(device, `<section class="card"><h2>${id || 'Live'}</h2>${body}</section>${more}`, '');
}

/** What is answered here to clients of other systems; `/openapi.json` has the same for programs. */
export function docsPage(device: string, routes: readonly (readonly string[])[]): string {
  const rows = routes.map(([method = '', path = '', tag = '', summary = '', codes = '']) => {
    const call = `<th scope="row"><b>${asHtml(method)}</b><br><code>${asHtml(path)}</code></th>`;
    return `<tr>${call}<td>${asHtml(summary)}<br><small>${asHtml(tag)} · ${asHtml(codes)}</small></td></tr>`;
  });
  const words =
    '<p>Each wants the header <code>X-API-Key</code> with a key of this device, or a login. The same for programs: <a href="/openapi.json">openapi.json</a>.</p>';
  const card = `<section class="card"><h2>API of this device</h2>${words}<table>${rows.join('')}</table></section>`;
  return page(device, card, '');
}

/** What stands beside the title in a browser's tab. */
export const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#15191c"/>' +
  '<path d="M4 16s4.6-7.5 12-7.5S28 16 28 16s-4.6 7.5-12 7.5S4 16 4 16z" fill="none" stroke="#e8ebed" stroke-width="2"/>' +
  '<circle cx="16" cy="16" r="4.2" fill="#e5484d"/></svg>';

/** Asks for the key. */
export function loginPage(next: string, trouble = ''): string {
  const words = trouble === '' ? '' : `<p class="bad" role="alert">${asHtml(trouble)}</p>`;
  return document(
    'Log in · Redeye',
    `<main class="narrow"><section class="card"><h2>Redeye on this device</h2>${words}<form method="post" action="/login">` +
      `<label>Key of the device<input name="api_key" type="password" autocomplete="current-password" required autofocus></label>` +
      `<input type="hidden" name="redirect_url" value="${asHtml(next)}"><button>Log in</button>` +
      `<small>It was shown once when the device was registered. An administrator can make a new one: console, Devices, New key.</small></form></section></main>`,
    '',
  );
}

function page(device: string, content: string, head: string): string {
  const title = asHtml(`Redeye on ${device}`);
  const nav = '<nav><a href="/">Status</a><a href="/stream/watch">Live</a><a href="/logout">Log out</a></nav>';
  return document(title, `<header><b>${title}</b>${nav}</header><main>${content}</main>`, head);
}

function document(title: string, body: string, head: string): string {
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">${head}` +
    `<title>${title}</title><link rel="icon" href="/favicon.ico"><style>${STYLE}</style></head><body>${body}</body></html>`
  );
}

function because(reason: string | null | undefined): string {
  return reason ? ` (${reason})` : '';
}

function duration(seconds: number): string {
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min`;
}

function asHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

function capturesInWords({ waiting, dead, sent, reason }: CapturesView): string {
  const lost = dead > 0 ? `, ${dead} given up` : '';
  return `${waiting} waiting${because(waiting > 0 ? reason : undefined)}${lost}, ${sent} brought`;
}
