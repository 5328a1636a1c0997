// The way to AWS goes wrong other than by a cut: refused, reset at the connect, slow, silent. Reads come to their end; a create is carried out once or
// not at all, and its row says `unknown` when the agent cannot know. With FAULTS_SECONDS=90 a silence lasts longer than the agent waits for an answer.
import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Plan } from '../../support/fault-plan.ts';
import type { JobKindName } from '../jobs.ts';
import { Site } from './site.ts';

const rows = 12;
const seconds = Number(process.env['FAULTS_SECONDS'] ?? 0);

describe('a way to AWS that goes wrong', function () {
  this.timeout(120_000 + 3_000 * seconds);
  let site: Site;
  let jobs = 0;

  before(async () => {
    site = await Site.start({ heartbeatMs: 2_000 });
    await site.post('host-1');
  });

  after(() => site[Symbol.asyncDispose]());

  /** Connections that were open before would not be touched. */
  function plan(planner: (connection: number) => Plan): void {
    site.awsLink.plan(planner);
    for (const connection of site.awsLink.open) connection.destroy();
  }

  const ask = (kind: JobKindName): Promise<string> => site.ask('host-1', { kind, name: `job-${(jobs += 1)}`, rows });

  async function outcomes(job: string): Promise<Record<string, number>> {
    const view = await site.over(job, 40_000 + 2_000 * seconds);
    await site.judge();
    return { ...view.outcomes };
  }

  for (const kind of ['list_access_keys', 'create_access_key'] as const) {
    it(`is refused for a while: ${kind} waits and succeeds`, async () => {
      const before = site.awsLink.injected.refuse;
      plan(() => ({}));
      site.awsLink.refuse(1_000);
      expect(await outcomes(await ask(kind))).to.deep.equal({ succeeded: rows });
      expect(site.awsLink.injected.refuse).to.equal(before + 1);
    });

    it(`is slow and late: ${kind} succeeds`, async () => {
      plan(() => ({
        faults: (['toServer', 'toClient'] as const).flatMap((direction) => [
          { direction, byte: 0, kind: 'slow', bytesPerSecond: 20_000 } as const,
          { direction, byte: 0, kind: 'delay', ms: 30 } as const,
        ]),
      }));
      const before = site.awsLink.injected.slow;
      expect(await outcomes(await ask(kind))).to.deep.equal({ succeeded: rows });
      expect(site.awsLink.injected.slow).to.be.above(before);
    });
  }

  it('is reset at the connect now and then: reads are repeated', async () => {
    plan((connection) => (connection % 2 === 0 ? { connect: 'reset' } : { faults: [] }));
    const job = await ask('list_access_keys');
    for (let left = 30; left > 0; left -= 1) {
      for (const connection of site.awsLink.open) connection.destroy();
      await sleep(10);
    }
    expect(await outcomes(job)).to.deep.equal({ succeeded: rows });
  });

  it('is reset at the connect now and then: no create is repeated, and what is not known is said', async () => {
    const before = site.awsLink.injected.reset_at_connect;
    plan((connection) => (connection % 3 === 0 ? { connect: 'reset' } : {}));
    const { succeeded = 0, unknown = 0, ...others } = await outcomes(await ask('create_access_key'));
    expect(others).to.deep.equal({});
    expect(succeeded + unknown).to.equal(rows);
    expect(site.awsLink.injected.reset_at_connect).to.be.above(before);
  });

  it('is silent for longer than the agent waits, or for a while: a create is not repeated', async () => {
    const forMs = seconds === 0 ? 1_500 : seconds * 1_000;
    const silence = { direction: 'toClient', frame: 'CreateAccessKey', byte: 0, kind: 'stall', forMs } as const;
    plan(() => ({ faults: [silence] }));
    expect(await outcomes(await ask('create_access_key'))).to.deep.equal(
      forMs > 60_000 ? { unknown: rows } : { succeeded: rows },
    );
  });

  it('loses the other end without a word: the row is not ended before AWS was waited for, and not sent again', async () => {
    // The wait is a minute; the short run ends it.
    const gone = { direction: 'toServer', frame: 'CreateAccessKey', nth: 1, byte: 0, kind: 'half_open' } as const;
    plan(() => ({ faults: [gone] }));
    const effects = site.aws.effects.length;
    const job = await ask('create_access_key');
    if (seconds === 0) {
      await sleep(1_500);
      expect((await site.view(job)).rows.ended).to.equal(0);
      plan(() => ({}));
    }
    const { succeeded = 0, unknown = 0 } = await outcomes(job);
    expect(succeeded + unknown).to.equal(rows);
    expect(unknown).to.be.at.least(4);
    expect(site.aws.effects.length).to.equal(effects + succeeded);
  });
});
