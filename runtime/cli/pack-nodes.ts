import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { guardNodeVersion } from '../lib/node-version.ts';

guardNodeVersion();

const USAGE = 'usage: npm run pack:nodes [-- --out FOLDER]';
/** Offers the nodes their powers where Node-RED is not ours. */
const PLAIN_HOST = 'edge/plain-host.js';
/** `import … from './x.js'` and `import('./x.js')`, as the compiler writes them. */
const IMPORT = /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+)['"]([^'"]+)['"]/g;

interface Manifest {
  name: string;
  version: string;
  'node-red': { version: string; nodes: Record<string, string> };
  dependencies?: Record<string, string>;
}

/** `npm run pack:nodes`: the built nodes, and what of the product they run on, as a package for `npm install` in any Node-RED. */
function main(args: string[]): number {
  const { values } = parseArgs({ args, options: { out: { type: 'string', default: '.' } } });
  const dist = resolve(import.meta.dirname, '../..');
  const out = resolve(values.out);
  mkdirSync(out, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), 'redeye-nodes-'));
  try {
    const manifest = lay(dist, folder);
    const packed = spawnSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', out], {
      cwd: folder,
    });
    if (packed.status !== 0) {
      process.stderr.write(`npm pack failed:\n${packed.stderr ?? packed.error?.message}`);
      return 1;
    }
    const file = join(out, packed.stdout.toString().trim());
    process.stdout.write(
      `${file}\nInstall it where Node-RED has its flows: npm install ${file} (${manifest.version})\n`,
    );
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Lays the package out in the folder; answers its package.json. */
function lay(dist: string, folder: string): Manifest {
  const product = JSON.parse(readFileSync(join(dist, '..', 'package.json'), 'utf8')) as Manifest;
  const listed = JSON.parse(readFileSync(join(dist, 'nodes/package.json'), 'utf8')) as Manifest;
  const nodes = Object.entries(listed['node-red'].nodes).map(([name, file]) => [name, `nodes/${file}`]);
  const { files, packages } = closure(dist, [...nodes.map(([, file]) => file ?? ''), PLAIN_HOST]);
  for (const file of files) copy(join(dist, file), join(folder, file));
  for (const [name] of nodes) {
    const [html, locales] = [`nodes/${name}/${name}.html`, `nodes/${name}/locales`];
    copy(join(dist, html), join(folder, html));
    copy(join(dist, locales), join(folder, locales));
  }
  copy(join(dist, 'nodes/examples'), join(folder, 'examples'));
  const { dependencies = {} } = product;
  const manifest = {
    ...listed,
    private: undefined,
    version: product.version,
    dependencies: Object.fromEntries([...packages].sort().map((name) => [name, dependencies[name] ?? '*'])),
    'node-red': {
      ...listed['node-red'],
      // Of the server's own editor.
      plugins: undefined,
      nodes: { 'redeye-host': PLAIN_HOST, ...Object.fromEntries(nodes) },
    },
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(join(folder, 'README.md'), README);
  return manifest;
}

/** Every file that the given ones lead to, and the packages that those need. */
function closure(dist: string, from: string[]): { files: string[]; packages: Set<string> } {
  const files = new Set(from);
  const packages = new Set<string>();
  for (const file of files) {
    for (const [, target = ''] of readFileSync(join(dist, file), 'utf8').matchAll(IMPORT)) {
      if (target.startsWith('.')) files.add(relative(dist, resolve(dist, dirname(file), target)));
      else if (!target.startsWith('node:')) packages.add(packageOf(target));
    }
  }
  return { files: [...files], packages };
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function copy(from: string, to: string): void {
  if (!existsSync(from)) return;
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true });
}

const README = `# Redeye's nodes for Node-RED

Stills of cameras (\`camera\`, \`camera-capture\`, \`camera-settings\`), comparison of pictures (\`delta-detect\`) and \`stepper\` work in any Node-RED 5
on Node 22.9 or newer. The camera is named by the environment (\`CAMERA=rpicam:0\`, \`v4l2:/dev/video0\`, \`rtsp://…\`), else found, or brought along by a
\`camera\` node with an address. USB, RTSP and files want ffmpeg.

Live pictures, pushes, upload, jobs and events need Redeye itself: their nodes are there, grey, and say so.
`;

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
  process.exitCode = 2;
}
