import assert from 'node:assert/strict';
import { ensurePackages, type Machine, parsePackageList } from '../../../runtime/cli/system-packages.ts';

function machine(has: { commands?: string[]; packages?: string[]; root?: boolean; works?: boolean }) {
  const packages = new Set(has.packages ?? []);
  const commands = new Set(has.commands ?? []);
  const installed: string[][] = [];
  const fake: Machine = {
    hasCommand: (name) => commands.has(name),
    hasPackage: (name) => packages.has(name),
    mayInstall: () => has.root ?? false,
    install(names) {
      installed.push(names);
      if (has.works === false) return false;
      for (const name of names) {
        packages.add(name);
        commands.add(name);
      }
      return true;
    },
  };
  return { fake, installed };
}

describe('system packages', () => {
  it('counts an ffmpeg that did not come from apt as installed', () => {
    const { fake, installed } = machine({ commands: ['ffmpeg'], root: true });
    assert.deepEqual(ensurePackages(['ffmpeg'], fake), { state: 'complete' });
    assert.deepEqual(installed, []);
  });

  it('installs only what is missing when it may', () => {
    const { fake, installed } = machine({ commands: ['google-chrome'], packages: ['postgresql'], root: true });
    assert.deepEqual(ensurePackages(['ffmpeg', 'chromium', 'postgresql', 'libx'], fake), { state: 'installed' });
    assert.deepEqual(installed, [['ffmpeg', 'libx']]);
  });

  it('names the command to type in one line where it may not install', () => {
    const { fake, installed } = machine({});
    const outcome = ensurePackages(['ffmpeg', 'libx'], fake);
    assert.equal(outcome.state, 'missing');
    assert.match(outcome.state === 'missing' ? outcome.advice : '', /^[^\n]*apt-get install -y .*ffmpeg libx$/);
    assert.deepEqual(installed, []);
  });

  it('says what is missing when apt failed', () => {
    const { fake } = machine({ root: true, works: false });
    assert.equal(ensurePackages(['ffmpeg'], fake).state, 'missing');
  });

  it('reads a list with comments', () => {
    assert.deepEqual(parsePackageList('# for tests\nffmpeg\n\nchromium # browser\n'), ['ffmpeg', 'chromium']);
  });
});
