// The exit codes that mean "a restart cannot mend this" stand in the unit, in the documentation and in the launcher.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { exitCodes, exitStatus } from '../../terminal/exit-codes.ts';

const read = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

describe('exit codes', () => {
  const hopeless = [exitStatus('permission'), exitStatus('configuration')];

  it('are those of the unit', () => {
    expect(read('systemd/iam-agent.service')).to.include(`\nRestartPreventExitStatus=${hopeless.join(' ')}\n`);
  });

  it('are those of the documentation', () => {
    for (const status of hopeless)
      expect(read('docs/configuration.md')).to.match(new RegExp(`\\| ${status} +\\|.*\\| no +\\|`));
  });

  it('are all in docs/operations.md, and no other', () => {
    const rows = [...read('docs/operations.md').matchAll(/^\| (\d+) +\|/gm)].map(([, status]) => Number(status));
    expect(rows).to.deep.equal(Object.values(exitCodes).map(({ status }) => status));
  });

  it('are those of the launcher', () => {
    expect(read('bin/launch.mjs')).to.include(`const exitConfiguration = ${exitStatus('configuration')};`);
  });
});
