// What must be true of every tracked file.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tracked = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root })
  .toString()
  .split('\0')
  .filter((name) => name !== '' && existsSync(join(root, name)) && statSync(join(root, name)).isFile());
const read = (name: string): string => readFileSync(join(root, name), 'utf8');

describe('the repository', () => {
  it('names no path of a machine it was written on', () => {
    const found = tracked.filter((name) => read(name).split(/\s/).some(namesMachine));
    expect(found).to.deep.equal([]);
    expect(tracked.length).to.be.above(50);
    for (const path of ['work/x', 'root/.npm', 'home/me']) expect(namesMachine(`'/${path}'`)).to.equal(true);
    for (const text of ['./work/x', 'https://a.example.com/home/me', 'a/root/b'])
      expect(namesMachine(text)).to.equal(false);
  });

  it('installs from a lockfile that names no registry', () => {
    expect(read('package-lock.json')).not.to.include('"resolved"');
  });

  it('has its licence, notices and launchers where package.json says', () => {
    const manifest = JSON.parse(read('package.json')) as { license: string; bin: Record<string, string> };
    expect(manifest.license).to.equal('Apache-2.0');
    expect(read('LICENSE')).to.include('Apache License').and.to.include('Version 2.0, January 2004');
    for (const path of Object.values(manifest.bin)) {
      expect(tracked).to.include(path);
      expect(statSync(join(root, path)).mode & 0o111, path).to.equal(0o111);
      expect(read(path)).to.match(/^#!\/usr\/bin\/env node\n/);
    }
    expect(statSync(join(root, '.ci/run')).mode & 0o111).to.equal(0o111);
  });

  it('names the version of package.json in the changelog', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    expect(read('CHANGELOG.md')).to.include(`## [${version}]`);
  });
});

/** An absolute path, not a part of an address or of a relative path. */
function namesMachine(word: string): boolean {
  const folder = /(?:^|["'`(=:[<])\/(?:home|Users|work|root|workspace)\/[A-Za-z.]/;
  return folder.test(word) && !word.includes('://');
}
