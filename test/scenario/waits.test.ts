// A long job on a slow account, between the real programs: people see what it waits for, and a short one does not wait for it.
import { expect } from 'chai';
import { answers } from '../support/aws-answers.ts';
import { pairedHost } from '../support/paired-host.ts';
import { type ControlPlane, type Program, scratch } from '../support/programs.ts';
import { type ScriptedEndpoint, startScriptedEndpoint, xmlAnswer } from '../support/scripted-endpoint.ts';

interface Rows {
  readonly total: number;
  readonly ended: number;
  readonly waiting_reason: string | null;
  readonly calls_per_second?: number;
  readonly left_ms?: number;
}

describe('waits between the real programs', () => {
  let folder: Awaited<ReturnType<typeof scratch>>;
  let plane: ControlPlane;
  let endpoint: ScriptedEndpoint;
  let agent: Program;

  before(async () => {
    folder = await scratch();
    endpoint = await startScriptedEndpoint();
    endpoint.play(({ operation }) => xmlAnswer(operation, answers[operation] ?? null));
    ({ plane, agent } = await pairedHost(folder.path, { endpoint: endpoint.url, callsPerSecond: 2 }));
  });

  after(async () => {
    await agent.kill('SIGTERM');
    await plane.kill('SIGTERM');
    await endpoint.stop();
    await folder[Symbol.asyncDispose]();
  });

  it('a rate-limited job says so, and a job of one row goes between its calls', async () => {
    const words = ['run', 'list_access_keys', '--agent', 'host-1', '--connection', 'prod'];
    const rows = Array.from({ length: 500 }, (_none, row) => `{"user":"user-${row}"}\n`).join('');
    const made = await plane.command([...words, '--set', 'Username={{ user }}', '--rows', '-'], rows);
    expect(made.status, made.stderr).to.equal(0);
    const long = made.stdout.trim();
    const rowsOf = async (): Promise<Rows> =>
      ((await (await plane.api(`/api/v1/jobs/${long}`)).json()) as { rows: Rows }).rows;
    const until = async (test: (seen: Rows) => boolean): Promise<Rows> => {
      for (;;) {
        const seen = await rowsOf();
        if (test(seen)) return seen;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    };
    const seen = await until(({ waiting_reason }) => waiting_reason === 'rate_limit');
    expect(seen.calls_per_second).to.equal(2);
    expect(seen.left_ms).to.be.within(60_000, 1_000_000);
    const shown = await plane.command(['jobs', 'show', long]);
    expect(shown.stdout).to.match(/^waiting {5}for the rate limit \(2 calls\/s\)$/m);
    expect(shown.stdout).to.match(/^left {8}\d+ rows left, about \d+ (min|s)/m);

    const short = await plane.command([...words, '--set', 'Username=alice', '--follow']);
    expect(short.status, short.stderr).to.equal(0);
    expect((await rowsOf()).ended, 'the long job has hardly begun').to.be.below(250);
    expect((await plane.command(['jobs', 'cancel', long])).status).to.equal(0);
  });
});
