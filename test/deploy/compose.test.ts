import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import Ajv from 'ajv';

const FOLDER = resolve(import.meta.dirname, '../../deploy');
const read = (path: string) => readFileSync(join(FOLDER, path), 'utf8');
const { load } = createRequire(import.meta.url)('js-yaml') as { load(text: string): unknown };

interface Service {
  image?: string;
  build?: string;
  restart?: string;
  environment?: Record<string, string>;
  depends_on?: string[] | Record<string, unknown>;
  ports?: string[];
  volumes?: string[];
}

describe('the compose file', () => {
  const text = read('compose/compose.yaml');
  const { services, volumes } = load(text) as { services: Record<string, Service>; volumes: Record<string, unknown> };

  it('follows the schema of the Compose Specification, which finds what does not', () => {
    const path = join(FOLDER, '../node_modules/dclint/schemas/compose.schema.json');
    const { $schema: _dialect, ...schema } = JSON.parse(readFileSync(path, 'utf8'));
    const formats = { duration: true, ports: true, expose: true, subnet_ip_address: true } as const;
    const follows = new Ajv.Ajv({ strict: false, allErrors: true, formats }).compile(schema);
    follows(load(text));
    assert.deepEqual(follows.errors, null);
    for (const wrong of ['restarts: always', 'ports: 1880', 'depends_on: { redis: { condition: soon } }'])
      assert.equal(follows(load(`services:\n  redeye:\n    image: x\n    ${wrong}\n`)), false, wrong);
  });

  it('has every part, each with a version, a restart, and only neighbours, volumes and files that are there', () => {
    assert.deepEqual(Object.keys(services).sort(), ['coturn', 'ingress', 'livekit', 'postgres', 'redeye', 'redis']);
    for (const [name, service] of Object.entries(services)) {
      assert.ok(service.build ? existsSync(join(FOLDER, 'compose', service.build, 'Dockerfile')) : service.image, name);
      if (service.image) assert.match(service.image, /:v?\d/, name);
      assert.equal(service.restart, 'unless-stopped', name);
      const needs = Array.isArray(service.depends_on) ? service.depends_on : Object.keys(service.depends_on ?? {});
      for (const other of needs) assert.ok(services[other], `${name} needs ${other}`);
      for (const [source = ''] of (service.volumes ?? []).map((one) => one.split(':'))) {
        if (source.startsWith('./')) assert.ok(existsSync(join(FOLDER, 'compose', source)), source);
        else if (!source.startsWith('$')) assert.ok(source in volumes, source);
      }
    }
  });

  it('gives LiveKit a configuration whose ingress addresses are settings, and media ports as the firewall has them', () => {
    const filled = (services.livekit?.environment?.LIVEKIT_CONFIG ?? '').replace(/\$\{(\w+):-([^}]*)\}/g, '$2');
    assert.deepEqual(load(filled), {
      port: 7880,
      rtc: { tcp_port: 7881, port_range_start: 50000, port_range_end: 50050, use_external_ip: true },
      redis: { address: 'redis:6379' },
      ingress: { rtmp_base_url: 'rtmp://ingress:1935/x', whip_base_url: 'http://ingress:8080/w' },
    });
    for (const name of ['INGRESS_RTMP_URL', 'INGRESS_WHIP_URL']) assert.ok(text.includes(`\${${name}:-`), name);
  });

  it('opens to the world what the firewall lets in, and holds no secret', () => {
    const open = Object.values(services)
      .flatMap(({ ports = [] }) => ports)
      .filter((port) => !port.startsWith('127.0.0.1:'))
      .map((port) => port.split(':')[0] ?? '');
    const rules = read('firewall/redeye.nft');
    const simple = read('firewall/ufw.sh').replaceAll(':', '-');
    for (const port of [...open, '8189', '50000-50050', '30000-30050']) {
      assert.ok(rules.includes(port), `nftables: ${port}`);
      assert.ok(simple.includes(port), `ufw: ${port}`);
    }
    for (const [, value = ''] of text.matchAll(/(?:SECRET|PASSWORD|API_KEY): (.+)/g)) assert.match(value, /\$\{/);
    for (const [, name = ''] of text.matchAll(/\$\{([A-Z_]+)/g))
      assert.ok(read('compose/compose.env.example').includes(`${name}=`), name);
  });
});
