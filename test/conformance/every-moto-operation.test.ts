// Every operation that moto implements, against a real moto server: the agent calls it through a relay, and boto3 is then given the answers
// that the agent was given. One success, the failures that moto knows, and one call with a key that it does not know. Its counts are printed.
import { expect } from 'chai';
import { actions } from '../../agent/iam/catalogue.ts';
import { matchInputs, prepareCall } from '../../agent/iam/inputs.ts';
import { runAction } from '../../agent/iam/run-action.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import { type Moto, startMoto } from '../support/moto.ts';
import { type ScriptedEndpoint, startScriptedEndpoint } from '../support/scripted-endpoint.ts';
import { Boto3Oracle, type OracleAnswer } from './boto3.ts';
import { actionFor, differenceOf, type Ours, requestDifference, runOurs } from './judge.ts';
import type { Parameters, Plan } from './plan.ts';
import { sdkStructures } from './sdk-model.ts';
import { testCaller, type TestCaller, testConnection } from './side-by-side.ts';

const subject = { actions, matchInputs, prepareCall, runAction, isRefusal };

interface Compared {
  readonly ours: Ours;
  readonly theirs: OracleAnswer;
  readonly difference: string | null;
}

describe('every operation that moto has, beside boto3', function suite() {
  this.timeout(60_000);
  let moto: Moto;
  let relay: ScriptedEndpoint;
  let replay: ScriptedEndpoint;
  let oracle: Boto3Oracle;
  let caller: TestCaller;
  let implemented: readonly string[] = [];
  const plans = new Map<string, Plan>();
  const inputs = new Map<string, Parameters>();
  const done = {
    success: [] as string[],
    failure: [] as string[],
    refused: [] as string[],
    broken: [] as string[],
    calls: 0,
    differences: 0,
  };

  before(async () => {
    [moto, relay, replay] = await Promise.all([startMoto(), startScriptedEndpoint(), startScriptedEndpoint()]);
    oracle = new Boto3Oracle();
    await oracle.start(sdkStructures);
    implemented = await oracle.implemented();
    caller = testCaller(testConnection(relay.url));
    for (const operation of implemented) plans.set(operation, await oracle.plan('iam', operation, 1, 0));
  });
  after(async () => {
    caller.close();
    await oracle.stop();
    await Promise.all([relay.stop(), replay.stop(), moto.stop()]);
    const without = implemented.filter((operation) => !done.success.includes(operation));
    process.stdout.write(
      `\n  Beside boto3 on moto: it has ${implemented.length} operations; compared in success: ${done.success.length}, in a failure of its own: ` +
        `${done.failure.length}, with an unknown key: ${done.refused.length}; ${done.calls} calls; differences: ${done.differences}. ` +
        `Moto broke at ${done.broken.join(', ')}. Without a success: ${without.length === 0 ? 'none' : without.join(', ')}.\n`,
    );
  });

  async function compare(operation: string, input: Parameters): Promise<Compared> {
    const plan = plans.get(operation);
    if (plan === undefined) throw new Error(`no plan for ${operation}`);
    relay.relay(moto.url);
    const action = actionFor(subject, 'iam', operation);
    const ours = await runOurs(subject, action, input, { caller, connection: testConnection(relay.url) });
    replay.play([...relay.recorded]);
    const paginate = plan.paged ? { paginate: { PageSize: 1000 } } : {};
    const call = { service: 'iam', endpoint: replay.url, method: plan.method, input, ...paginate } as const;
    const theirs = await oracle.callExact(call);
    const difference = requestDifference(relay, replay) ?? differenceOf(plan, ours, theirs);
    done.calls += 1;
    if (difference !== null && theirs.crash === undefined) done.differences += 1;
    return { ours, theirs, difference };
  }

  it('success, and what is not there', async () => {
    const found: string[] = [];
    for (const operation of implemented) {
      const { success, failures } = await oracle.arrange(operation, moto.url);
      if (success === null) continue;
      inputs.set(operation, success);
      const { theirs, difference } = await compare(operation, success);
      if (difference !== null) found.push(`${operation}: ${difference}`);
      if (theirs.result === undefined) found.push(`${operation}: no success: ${JSON.stringify(theirs)}`);
      else done.success.push(operation);
      for (const input of failures) {
        const again = await compare(operation, input);
        if (again.theirs.crash?.includes('500 Internal Server Error') === true) {
          // Moto itself broke: boto3 raises a parser error, the agent must not call it a success either.
          expect(again.ours).to.have.property('failure').that.equals('aws_malformed');
          done.broken.push(operation);
          continue;
        }
        if (again.difference !== null) found.push(`${operation} ${JSON.stringify(input)}: ${again.difference}`);
        if (again.theirs.error?.startsWith('An error occurred (') === true && !done.failure.includes(operation)) {
          done.failure.push(operation);
        }
      }
    }
    if (found.length > 0) expect.fail(found.join('\n'));
  });

  it('a key that is not known', async () => {
    await moto.refuseAll();
    const found: string[] = [];
    for (const [operation, input] of inputs) {
      const { theirs, difference } = await compare(operation, input);
      if (difference !== null) found.push(`${operation}: ${difference}`);
      if (theirs.error?.includes('(InvalidClientTokenId)') === true) done.refused.push(operation);
      else found.push(`${operation}: not refused: ${JSON.stringify(theirs)}`);
    }
    if (found.length > 0) expect.fail(found.join('\n'));
  });

  it('covers what moto has', () => {
    expect(implemented.length).to.be.at.least(120);
    expect(done.refused).to.deep.equal([...inputs.keys()]);
    expect(done.success).to.deep.equal(implemented);
  });
});
