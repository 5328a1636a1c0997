// Hostile tokens and frames, in a process of their own: each ends in its coded refusal, within a fixed cost, and the process lives.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

interface Outcome {
  readonly name: string;
  readonly expected: string;
  readonly found: string;
  readonly tookMs: number;
  readonly grownBytes: number;
}

describe('hostile tokens and frames', () => {
  it('each gives its code in under 250 ms and 50 MB', function () {
    this.timeout(60_000);
    const script = fileURLToPath(new URL('hostile.ts', import.meta.url));
    const run = spawnSync(process.execPath, ['--disallow-code-generation-from-strings', script], {
      encoding: 'utf8',
      timeout: 50_000,
      maxBuffer: 10_000_000,
    });
    expect(run.status, run.stderr).to.equal(0);
    const outcomes = run.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Outcome);
    expect(outcomes.filter(({ expected, found }) => expected !== found)).to.deep.equal([]);
    expect(outcomes.filter(({ tookMs, grownBytes }) => tookMs >= 250 || grownBytes >= 50_000_000)).to.deep.equal([]);
    const tokens = outcomes.filter(({ name }) => name.startsWith('token: ')).length;
    const frames = outcomes.filter(({ name }) => name.startsWith('frame: ')).length;
    expect(tokens).to.be.at.least(60);
    expect(frames).to.be.at.least(40);
    expect(new Set(outcomes.map(({ name }) => name)).size).to.equal(outcomes.length);
    console.log(`      hostile: ${tokens} tokens, ${frames} frames, each refused with its code`);
  });
});
