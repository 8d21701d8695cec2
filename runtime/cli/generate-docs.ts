import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TObject, TSchema } from 'typebox';
import { EdgeSettings } from '../../edge/settings.ts';
import { ServerSettings } from '../../settings.ts';
import { NODE_TYPES } from '../contracts/node-types.ts';
import { DEVICE_TOPICS } from '../contracts/topics.ts';
import { apiRoutes, type HttpParts } from '../http/app.ts';
import { openApi } from '../http/openapi.ts';
import { guardNodeVersion } from '../lib/node-version.ts';
import { clientSources } from './client-source.ts';

guardNodeVersion();

/** Writes docs/generated and the API's client from the schemas; with `--check` it only compares and ends with 1 when one is not up to date. */
const root = join(import.meta.dirname, '..', '..');
// Only the table of routes is read here: no handler runs, so no part is ever touched.
const document = openApi(apiRoutes({} as HttpParts), '');
const files: Record<string, string> = {
  ...below('docs/generated', {
    'settings.md': settingsPage(),
    'http.md': httpPage(),
    'mqtt.md': mqttPage(),
    'nodes.md': await nodesPage(),
  }),
  ...below('runtime/contracts/client', clientSources(document)),
};

const check = process.argv.includes('--check');
const stale = Object.entries(files).filter(([name, text]) => {
  const path = join(root, name);
  return !existsSync(path) || readFileSync(path, 'utf8') !== text;
});
if (!check) {
  for (const [name, text] of stale) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
}
if (stale.length > 0) console.log(`${check ? 'not up to date' : 'written'}: ${stale.map(([name]) => name).join(', ')}`);
if (check && stale.length > 0) {
  console.log('run "npm run docs" and commit what it writes');
  process.exitCode = 1;
}

function below(folder: string, pages: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(pages).map(([name, text]) => [`${folder}/${name}`, text]));
}

function page(title: string, made: string, body: string): string {
  return `# ${title}\n\nMade from ${made} by \`npm run docs\`; do not edit.\n\n${body}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function settingsPage(): string {
  const rows = (schema: TObject) =>
    Object.entries(schema.properties).map(([name, property]) => {
      const {
        default: value,
        description = '',
        secret,
      } = property as { default?: unknown; description?: string; secret?: boolean };
      const shown =
        value === undefined || value === '' || (Array.isArray(value) && value.length === 0)
          ? '–'
          : `\`${String(value)}\``;
      return [`\`${name}\``, kind(property), shown, `${description}${secret ? ' (secret)' : ''}`];
    });
  const head = ['setting', 'type', 'default', 'meaning'];
  return page(
    'Settings',
    '`settings.ts` and `edge/settings.ts`',
    `Settings come from the environment. \`NAME_FILE\` names a file that holds the value of \`NAME\`. A wrong value stops the start.\n\n## Server\n\n${table(head, rows(ServerSettings))}\n\n## Edge (the Raspberry Pi)\n\n${table(head, rows(EdgeSettings))}`,
  );
}

function kind(schema: TSchema): string {
  const {
    type,
    anyOf,
    minimum,
    maximum,
    enum: values,
  } = schema as unknown as {
    type?: string;
    anyOf?: { const?: unknown }[];
    minimum?: number;
    maximum?: number;
    enum?: unknown[];
  };
  if (anyOf) return anyOf.map((one) => String(one.const)).join(', ');
  if (values) return values.join(', ');
  if (type === 'array') return 'list, separated by commas';
  const range = minimum === undefined && maximum === undefined ? '' : ` ${minimum ?? ''}…${maximum ?? ''}`;
  return `${type ?? 'text'}${range}`;
}

function httpPage(): string {
  const rows = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const {
        summary,
        'x-role': role = 'device key',
        parameters = [],
      } = operation as {
        summary: string;
        'x-role'?: string;
        parameters?: { in: string; name: string }[];
      };
      const query = parameters.filter((parameter) => parameter.in === 'query').map((parameter) => parameter.name);
      return [
        `\`${method.toUpperCase()} ${path}\``,
        role,
        summary + (query.length > 0 ? ` (\`?${query.join('&')}\`)` : ''),
      ];
    }),
  );
  return page(
    'HTTP',
    'the route table of `runtime/http`',
    `The whole document with every shape is served at \`/api/openapi.json\`. The role is the least one that may ask.\n\n${table(['route', 'role', 'what'], rows)}`,
  );
}

function mqttPage(): string {
  const rows = DEVICE_TOPICS.map(({ topic, direction, retained, body, meaning }) => [
    `\`${topic}\``,
    direction,
    retained ? 'yes' : 'no',
    `\`${body}\``,
    meaning,
  ]);
  return page(
    'MQTT',
    '`runtime/contracts/topics.ts`',
    `MQTT 3.1.1, JSON bodies, QoS 1. Topics are below \`redeye/v1/<site>/d/<device>/\`; client id and user name are the device's id, the password is its key. WebSocket at \`/mqtt\`.\n\n${table(['topic', 'direction', 'retained', 'body', 'meaning'], rows)}`,
  );
}

async function nodesPage(): Promise<string> {
  const parts: string[] = [];
  for (const [type, sides] of Object.entries(NODE_TYPES)) {
    const { schema } = (await import(`../../nodes/${type}/config.ts`)) as { schema: TObject };
    const help = readFileSync(join(root, 'nodes', type, 'locales', 'en-US', `${type}.html`), 'utf8');
    const first =
      /<p>([\s\S]*?)<\/p>/
        .exec(help)?.[1]
        ?.replace(/<[^>]+>/g, '')
        .replace(/\s+/g, ' ')
        .trim() ?? '';
    const rows = Object.entries(schema.properties).map(([name, property]) => {
      const { default: value, description = '' } = property as { default?: unknown; description?: string };
      return [
        `\`${name}\``,
        kind(property),
        value === undefined || value === '' ? '–' : `\`${String(value)}\``,
        description,
      ];
    });
    const settings =
      rows.length === 0 ? 'No settings of its own.' : table(['setting', 'type', 'default', 'meaning'], rows);
    parts.push(
      `## ${type}\n\n${first}\n\nRuns on: ${sides.join(', ')}. Example: \`flows/examples/${type}.json\`.\n\n${settings}`,
    );
  }
  return page('Nodes', 'the schemas and help texts of `nodes/`', parts.join('\n\n'));
}
