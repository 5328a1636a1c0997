import { PassThrough } from 'node:stream';
import { Command } from 'commander';
import { expect } from 'chai';
import { renderCommand } from '../../../agent/cli/render.ts';
import type { AgentConfig } from '../../../agent/config/load-config.ts';
import { type Failure, failure } from '../../../terminal/fail.ts';
import { runProgram } from '../../../terminal/program.ts';
import { recording } from './recording.ts';

const connection = {
  label: 'prod',
  referenceValues: [
    { name: 'partition', value: 'aws-cn', kind: 'text' },
    { name: 'external_id', value: 'hidden', kind: 'password' },
  ],
};
const config = { kind: 'config', file: '/c.yaml', connections: [connection] } as unknown as AgentConfig;

async function render(words: readonly string[], loaded: AgentConfig | Failure | null = null): Promise<unknown> {
  const terminal = recording(PassThrough.from([]));
  const command = renderCommand(terminal, async () => {
    if (loaded === null) throw new Error('the configuration must not be read');
    return loaded;
  });
  await runProgram(new Command('iam-agent').addCommand(command), ['render', ...words], terminal);
  return [terminal.ended(), terminal.out(), terminal.err().split('\n')[0]];
}

describe('iam-agent render', () => {
  it('prints exactly what the template gives, and one line feed', async () => {
    expect(await render(['{{ user|lower }}\n ', '--row', '{"user":"ALICE"}'])).to.deep.equal(['ok', 'alice\n \n', '']);
    expect(await render(['{{ n }} {{ f }}', '--row', '{"n":12345678901234567890,"f":1.0}'])).to.deep.equal([
      'ok',
      '12345678901234567890 1.0\n',
      '',
    ]);
    expect(await render([''])).to.deep.equal(['ok', '\n', '']);
  });

  it('fails with the code and 65', async () => {
    const cases = [
      [['{{ nobody }}'], /^error template_undefined: /],
      [['{{ 1 +'], /^error template_/],
      [['{{ 1 }}', '--row', '[1]'], /^error row_malformed: --row expects a JSON object/],
      [['{{ 1 }}', '--row', '{"a":1,"a":2}'], /^error row_malformed: --row names one column twice/],
      [['{{ 1 }}', '--row', '1e400'], /^error row_malformed: /],
      [['{{ 1 }}', '--row', '{'], /^error row_malformed: --row is no JSON/],
    ] as const;
    for (const [words, line] of cases) {
      const [exit, out, first] = (await render(words)) as string[];
      expect([exit, out]).to.deep.equal(['bad_data', '']);
      expect(first).to.match(line);
    }
  });

  it('knows the reference values of a connection, but no password', async () => {
    expect(await render(['{{ partition }}', '--connection', 'prod'], config)).to.deep.equal(['ok', 'aws-cn\n', '']);
    const [exit, out, first] = (await render(['{{ external_id }}', '--connection', 'prod'], config)) as string[];
    expect([exit, out]).to.deep.equal(['bad_data', '']);
    expect(first)
      .to.match(/^error secret_reference: /)
      .and.not.contain('hidden');
    expect(await render(['x', '--connection', 'dev'], config)).to.deep.equal([
      'bad_data',
      '',
      "error unknown_connection: /c.yaml has no connection 'dev'",
    ]);
    expect(
      await render(['x', '--connection', 'dev'], failure('configuration', 'configuration_invalid', 'bad')),
    ).to.deep.equal(['configuration', '', 'error configuration_invalid: bad']);
  });

  it('is strict about its words', async () => {
    expect(((await render([])) as string[])[0]).to.equal('usage');
    expect(((await render(['x', '--rwo', '{}'])) as string[])[0]).to.equal('usage');
  });
});
