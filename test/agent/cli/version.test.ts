import { PassThrough } from 'node:stream';
import { Command } from 'commander';
import { expect } from 'chai';
import { versionCommand } from '../../../agent/cli/version.ts';
import { protocolVersion } from '../../../protocol/version.ts';
import { runProgram } from '../../../terminal/program.ts';
import { programVersion } from '../../../terminal/program-version.ts';
import { recording } from './recording.ts';

describe('iam-agent version', () => {
  it('prints the versions for people and for programs', async () => {
    for (const words of [[], ['--json']]) {
      const terminal = recording(PassThrough.from([]));
      const command = versionCommand(terminal, { program: programVersion(), node: 'v24.0.0' });
      await runProgram(new Command('iam-agent').addCommand(command), ['version', ...words], terminal);
      const out = terminal.out();
      expect(terminal.ended()).to.equal('ok');
      if (words.length > 0)
        expect(JSON.parse(out)).to.deep.equal({
          program: programVersion(),
          protocol: protocolVersion,
          node: 'v24.0.0',
        });
      else expect(out).to.equal(`iam-agent ${programVersion()}\nprotocol ${protocolVersion}\nnode v24.0.0\n`);
    }
    expect(programVersion()).to.match(/^\d+\.\d+\.\d+/);
  });
});
