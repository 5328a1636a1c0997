// The connection to AWS is cut at every byte of a create's request and of its answer. Nobody can know then whether AWS acted: the row must say so,
// name the key if there is one, and never send the create again. `FAULTS_EVERY_BYTE=1` takes every byte, otherwise it is every third, from one that
// the seed decides (FAULTS_SEED).
import { expect } from 'chai';
import { randomInt } from 'node:crypto';
import type { Fault } from '../../support/fault-plan.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import type { JobPlan } from '../jobs.ts';
import { Site } from './site.ts';

const inFlight = 64;
const seed = Number(process.env['FAULTS_SEED'] ?? randomInt(1_000_000));
const step = process.env['FAULTS_EVERY_BYTE'] === '1' ? 1 : 3;
const first = seed % step;

const markerOf = (name: string, row: number): string => `${name}-r${row}`;

function plan(name: string, rows: number): JobPlan {
  return { kind: 'create_access_key', name, rows, options: { concurrency: inFlight } };
}

describe('a create whose connection to AWS is cut at a byte', function () {
  this.timeout(120_000);
  let site: Site;
  let lengths: { request: number; answer: number };

  before(async () => {
    site = await Site.start({ heartbeatMs: 5_000 });
    lengths = { request: 0, answer: 0 };
    await using observed = await FaultProxy.start({
      target: site.aws.url,
      framing: 'http',
      observe: (direction, name, bytes) => {
        if (name === 'CreateAccessKey') lengths[direction === 'toServer' ? 'request' : 'answer'] = bytes;
      },
    });
    const sample = await site.post('sample', { endpoint: observed.url });
    await site.over(await site.ask('sample', plan('sample', 1)));
    await sample.agent.kill('SIGTERM');
    await site.post('host-1', { inFlight });
  });

  after(() => site[Symbol.asyncDispose]());

  /** One row for each byte. */
  async function cutAtEach(name: string, faultOf: (row: number) => Fault, rows: number) {
    site.awsLink.plan(() => ({ faults: Array.from({ length: rows }, (_, row) => faultOf(row)) }));
    const before = site.awsLink.injected.truncate + site.awsLink.injected.reset;
    const job = await site.ask('host-1', plan(name, rows));
    const view = await site.over(job, 90_000);
    site.awsLink.plan(() => ({}));
    expect(view.status).to.equal('completed');
    const cuts = site.awsLink.injected.truncate + site.awsLink.injected.reset - before;
    return { view, cuts, errors: await site.errors(job) };
  }

  it('says that the outcome is unknown and names the key, at every byte of the answer', async () => {
    // The sample's length: no answer of a longer name is shorter, so each of these cuts is before the end.
    const rows = Math.floor((lengths.answer - first - 1) / step) + 1;
    const { view, cuts, errors } = await cutAtEach(
      'answer',
      (row) => ({
        direction: 'toClient',
        frame: 'CreateAccessKey',
        holding: new RegExp(`<UserName>${markerOf('answer', row)}<`),
        byte: first + row * step,
        kind: row % 4 === 3 ? 'reset' : 'truncate',
      }),
      rows,
    );
    expect(cuts).to.equal(rows);
    expect(view.outcomes).to.deep.equal({ unknown: rows });
    const effects = site.effects();
    for (let row = 0; row < rows; row += 1) {
      const [made, ...more] = (effects.get(markerOf('answer', row)) ?? []).map((effect) => effect.made);
      expect(more, 'a second create').to.deep.equal([]);
      expect(errors.get(row)?.code).to.equal('outcome_unknown');
      expect(errors.get(row)?.text).to.include('Candidate: ').and.to.include(String(made));
    }
    await site.judge();
    console.log(`      seed ${seed}: ${rows} cuts in an answer of ${lengths.answer} bytes`);
  });

  it('never creates twice, at every byte of the request', async () => {
    const rows = Math.floor((lengths.request - first - 1) / step) + 1;
    const { view, cuts, errors } = await cutAtEach(
      'request',
      (row) => ({
        direction: 'toServer',
        frame: 'CreateAccessKey',
        holding: new RegExp(`UserName=${markerOf('request', row)}(?:&|$)`),
        byte: first + row * step,
        kind: row % 4 === 3 ? 'reset' : 'truncate',
      }),
      rows,
    );
    expect(cuts).to.equal(rows);
    expect(view.outcomes).to.deep.equal({ unknown: rows });
    const effects = site.effects();
    for (let row = 0; row < rows; row += 1) {
      expect(effects.get(markerOf('request', row)), 'half a request was carried out').to.equal(undefined);
      expect(errors.get(row)?.code).to.equal('outcome_unknown');
      expect(errors.get(row)?.text).to.include('The wanted state does not hold');
    }
    await site.judge();
    console.log(`      seed ${seed}: ${rows} cuts in a request of ${lengths.request} bytes`);
  });

  it('is a success when the answer was whole before the cut', async () => {
    const end = { direction: 'toClient', frame: 'CreateAccessKey', byte: lengths.answer } as const;
    site.awsLink.plan(() => ({ faults: [{ ...end, kind: 'truncate' }] }));
    const before = site.awsLink.injected.truncate;
    // A name as long as the sample's.
    const job = await site.ask('host-1', plan('simple', 1));
    expect((await site.over(job)).outcomes).to.deep.equal({ succeeded: 1 });
    expect(site.awsLink.injected.truncate).to.equal(before + 1);
    await site.judge();
  });
});
