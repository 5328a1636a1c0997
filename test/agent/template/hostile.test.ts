// Hostile templates, run in a process that cannot make code from text: each ends in a coded refusal within a fixed cost.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { hostileTemplates } from './corpus/hostile.ts';

interface Outcome {
  readonly template: string;
  readonly code?: string;
  readonly rendered?: string;
  readonly tookMs: number;
  readonly grownBytes: number;
}

const codes = ['template_syntax', 'template_unsupported', 'template_undefined', 'template_error', 'template_budget'];

describe('hostile templates', () => {
  it('each gives a coded refusal in under 250 ms and 50 MB of heap, without code generation', () => {
    const script = fileURLToPath(new URL('../../support/template-attack.ts', import.meta.url));
    // Half of Node's stack must be enough: a template that is nested too deep is refused, it never overflows the stack.
    const flags = ['--disallow-code-generation-from-strings', '--stack-size=492'];
    const run = spawnSync(process.execPath, [...flags, script], { encoding: 'utf8' });
    expect(run.status, run.stderr).to.equal(0);
    const outcomes = run.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Outcome);
    expect(outcomes.length).to.equal(hostileTemplates.length).and.to.be.at.least(45);
    const harmful = outcomes.filter(
      ({ code, tookMs, grownBytes }) =>
        code === undefined || !codes.includes(code) || tookMs >= 250 || grownBytes >= 50_000_000,
    );
    expect(harmful).to.deep.equal([]);
  });
});
