import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readSettings } from '../../settings.ts';
import { AppError } from '../contracts/errors.ts';
import { type IngressAccess, ROOM_PATTERN } from '../contracts/rooms.ts';
import { ensureFolder, writeFileDurably } from '../lib/files.ts';
import { guardNodeVersion } from '../lib/node-version.ts';
import { LivekitServer } from '../publish/livekit/server.ts';

guardNodeVersion();

const USAGE = `usage: npm run init-ingress -- --room ROOM --name NAME --out FILE [--whip]
  the ingress of that room and name at LiveKit (LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET), made where there is none yet;
  FILE is for rtmp-push (PUSH_KEY_FILE, or its key file) and for shells, readable by you alone
  --whip: by WHIP, which LiveKit hands on as it is, instead of RTMP, which it transcodes
`;

/** Asks LiveKit, and writes the key file: whole or not at all. */
async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      room: { type: 'string' },
      name: { type: 'string' },
      out: { type: 'string' },
      whip: { type: 'boolean', default: false },
    },
  });
  const { room = '', name = '', out = '', whip } = values;
  const isName = new RegExp(ROOM_PATTERN);
  if (!isName.test(room) || !isName.test(name) || out === '') throw new TypeError(USAGE);
  const settings = readSettings(process.env);
  const server = new LivekitServer({
    url: settings.LIVEKIT_URL,
    apiKey: settings.LIVEKIT_API_KEY,
    apiSecret: settings.LIVEKIT_API_SECRET,
  });
  const ingress = await server.ensureIngress({ room, name, via: whip ? 'whip' : 'rtmp' });
  const file = resolve(out);
  await ensureFolder(dirname(file), 0o700);
  await writeFileDurably(file, keyFile(ingress), 0o600);
  process.stdout.write(
    `ingress ${ingress.ingress_id} (${name}, room ${room}, by ${ingress.via}): its key is in ${out}\n`,
  );
}

/** What a shell can source, and `rtmp-push` reads. */
function keyFile({ via, url, stream_key, room, name, ingress_id }: IngressAccess): string {
  const lines = {
    [via === 'whip' ? 'WHIP_URL' : 'RTMP_URL']: url,
    STREAM_KEY: stream_key,
    LIVEKIT_ROOM: room,
    INGRESS_NAME: name,
    INGRESS_ID: ingress_id,
  };
  const quoted = Object.entries(lines).map(([field, value]) => {
    // In single quotes a shell takes everything as it is, but for these.
    if (!/^[ -&(-~]*$/.test(value))
      throw new AppError('livekit.unavailable', `LiveKit gave a ${field} that cannot be written down`);
    return `${field}='${value}'\n`;
  });
  return `# An ingress of LiveKit. Whoever has this key can publish as this camera.\n${quoted.join('')}`;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
