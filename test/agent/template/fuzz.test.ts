// A short run of the fuzzer with a fixed seed; `node scripts/fuzz-template.ts` runs it for as long as wanted.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

describe('fuzzed templates', () => {
  it('end in a text or a coded refusal within a second, 4,000 of them', () => {
    const script = fileURLToPath(new URL('../../../scripts/fuzz-template.ts', import.meta.url));
    const run = spawnSync(process.execPath, [script, '--runs', '4000', '--seed', '20261126'], { encoding: 'utf8' });
    expect(run.status, run.stdout + run.stderr).to.equal(0);
    const [, runs, rendered] = /: (\d+) runs, \d+ compiled, (\d+) rendered/.exec(run.stdout) ?? [];
    expect(Number(runs)).to.equal(4_000);
    expect(Number(rendered)).to.be.greaterThan(400);
    for (const code of ['syntax', 'unsupported', 'undefined', 'error', 'budget'])
      expect(run.stdout).to.match(new RegExp(`template_${code} \\d\\d`));
  }).timeout(60_000);
});
