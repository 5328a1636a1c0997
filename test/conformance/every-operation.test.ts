// Every operation of the SDK beside boto3: the same bytes to both, for inputs and answers that boto3's own model was filled with; the requests
// must be equal, and the envelopes what a playbook makes of boto3's result. Its counts are printed.
import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Action } from '../../agent/iam/action.ts';
import { actions } from '../../agent/iam/catalogue.ts';
import { matchInputs, prepareCall } from '../../agent/iam/inputs.ts';
import { runAction } from '../../agent/iam/run-action.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import { type ScriptedEndpoint, startScriptedEndpoint } from '../support/scripted-endpoint.ts';
import { Boto3Oracle, type OracleAnswer, type Started } from './boto3.ts';
import { actionFor, admissible, differenceOf, type Ours, requestDifference, runOurs } from './judge.ts';
import { type Parameters, type Plan, type PlannedAnswer, stepOf } from './plan.ts';
import { sdkOperations, sdkStructures } from './sdk-model.ts';
import { testCaller, type TestCaller, testConnection } from './side-by-side.ts';

const subject = { actions, matchInputs, prepareCall, runAction, isRefusal };
const seed = Number(process.env['IAM_AGENT_SEED'] ?? '1');
const mixed = Number(process.env['IAM_AGENT_MIXED'] ?? '3');

const operations: readonly (readonly ['iam' | 'sts', string])[] = [
  ...sdkOperations.map((operation) => ['iam', operation] as const),
  ['sts', 'GetCallerIdentity'],
  ['sts', 'GetAccessKeyInfo'],
];

/** Where AWS and boto3 take a missing user name as the caller's own user, and the agent refuses it on purpose. */
const onlyWithUser = [
  'create_access_key',
  'create_login_profile',
  'deactivate_mfa_device',
  'delete_access_key',
  'delete_login_profile',
  'delete_service_specific_credential',
  'delete_signing_certificate',
  'list_access_keys',
  'reset_service_specific_credential',
  'update_access_key',
  'update_service_specific_credential',
  'update_signing_certificate',
  'upload_signing_certificate',
];

interface Counts {
  operations: number;
  answers: number;
  listings: number;
  errors: number;
  broken: number;
  lacking: number;
  requests: number;
  differences: number;
}

interface Pair {
  readonly ours: Ours;
  readonly theirs: OracleAnswer;
}

describe('every operation beside boto3', function suite() {
  this.timeout(60_000);
  const counts: Counts = {
    operations: 0,
    answers: 0,
    listings: 0,
    errors: 0,
    broken: 0,
    lacking: 0,
    requests: 0,
    differences: 0,
  };
  let oracle: Boto3Oracle;
  let started: Started;
  // One endpoint for each side, so that both can be at it at once.
  let forOurs: ScriptedEndpoint;
  let forTheirs: ScriptedEndpoint;
  let caller: TestCaller;
  const ownUser = new Set<string>();
  const selects = new Set<string>();

  before(async () => {
    [forOurs, forTheirs] = await Promise.all([startScriptedEndpoint(), startScriptedEndpoint()]);
    oracle = new Boto3Oracle();
    started = await oracle.start(sdkStructures);
    caller = testCaller(testConnection(forOurs.url));
  });
  after(async () => {
    caller.close();
    await oracle.stop();
    await forOurs.stop();
    await forTheirs.stop();
    const twins = Object.keys(started.names.iam);
    process.stdout.write(
      `\n  Beside boto3 by script: ${counts.operations} operations (the SDK has ${sdkOperations.length} of IAM, the catalogue ${actions.length} ` +
        `actions), ${counts.answers} answers, ${counts.listings} listings of several pages, ${counts.errors} errors, ${counts.broken} answers that ` +
        `are none, ${counts.requests} equal requests; ${counts.lacking} successes without a required member that ` +
        `only the agent refuses; differences: ${counts.differences}.\n` +
        `  Only with a user's name (boto3 takes the caller's own user): ${list([...ownUser])}. Texts outside a select: ${list([...selects])}.\n` +
        `  Without a twin in boto3: ${list(sdkOperations.filter((name) => !twins.includes(name)))}. ` +
        `In boto3 and not in the SDK: ${list(twins.filter((name) => !sdkOperations.includes(name)))}; ` +
        `and the members ${list(started.dropped)}.\n`,
    );
  });

  async function pair(
    service: 'iam' | 'sts',
    plan: Plan,
    given: Parameters,
    answers: readonly PlannedAnswer[],
    found: string[],
    maxItems: number | null = null,
  ): Promise<Pair> {
    const steps = answers.map(stepOf);
    forOurs.play(steps);
    forTheirs.play(steps);
    const action = actionFor(subject, service, operationOf(service, plan));
    const input = whole(action, plan, given);
    const cut = maxItems === null ? {} : { MaxItems: maxItems };
    const paginate = plan.paged ? { paginate: { PageSize: 1000, ...cut } } : {};
    const [ours, theirs] = await Promise.all([
      runOurs(subject, action, { ...input, ...cut }, { caller, connection: testConnection(forOurs.url) }),
      oracle.callExact({ service, endpoint: forTheirs.url, method: plan.method, input, ...paginate }),
    ]);
    if (maxItems === null) {
      const request = requestDifference(forOurs, forTheirs);
      if (request !== null) found.push(request);
      counts.requests += forOurs.requests.length;
    }
    // botocore's paginator writes null for the one member of its own kind when an answer lacks it.
    if (plan.method === 'get_group' && theirs.result?.['Group'] === null) delete theirs.result['Group'];
    return { ours, theirs };
  }

  /** What only the agent refuses, each kind seen here and made good: a call for the caller's own user, a text outside a select. */
  function whole(action: Action, plan: Plan, input: Parameters): Parameters {
    const given = admissible(action, input, (text) => selects.add(text));
    const missing = action.inputs.filter(({ required, member }) => required && given[member] === undefined);
    if (missing.length === 0) return given;
    expect(missing.map(({ member }) => member)).to.deep.equal(['UserName']);
    ownUser.add(plan.method);
    return { ...given, UserName: plan.inputs[0]?.input['UserName'] ?? null };
  }

  function operationOf(service: 'iam' | 'sts', plan: Plan): string {
    return Object.entries(started.names[service]).find(([, method]) => method === plan.method)?.[0] ?? '';
  }

  for (const [service, operation] of operations) {
    it(operation, async () => {
      const plan = await oracle.plan(service, operation, seed, mixed);
      const action = actionFor(subject, service, operation);
      expect(action.name).to.equal(operation === 'GetCallerIdentity' ? 'test_connection' : plan.method);
      const found: string[] = [];
      const note = (title: string, difference: string | null): void => {
        if (difference !== null) found.push(`${title}: ${difference}`);
      };
      const inputAt = (index: number): Parameters => plan.inputs[index % plan.inputs.length]?.input ?? {};

      for (let index = 0; index < Math.max(plan.answers.length, plan.inputs.length); index += 1) {
        const answer = plan.answers[index % plan.answers.length];
        if (answer === undefined) continue;
        const { ours, theirs } = await pair(service, plan, inputAt(index), [answer], found);
        if (answer.lacking === true && action.repeat === 'never') {
          // A new thing without its name or its secret is a loss; boto3 calls it a success.
          note(
            answer.title,
            ours.kind === 'ran' && ours.failure === 'aws_malformed' ? null : 'a loss that is called a success',
          );
          counts.lacking += 1;
        } else {
          note(answer.title, differenceOf(plan, ours, theirs));
          counts.answers += 1;
        }
      }
      for (const { title, steps } of plan.pages) {
        const { ours, theirs } = await pair(service, plan, inputAt(0), steps, found);
        note(title, differenceOf(plan, ours, theirs));
        counts.listings += 1;
      }
      if (plan.rows !== null && started.paginated.includes(plan.method)) {
        // A cut inside the second page. The requests are not compared: boto3 asks for whole pages where the agent asks for what is left.
        const steps = plan.pages[0]?.steps ?? [];
        const { ours, theirs } = await pair(service, plan, inputAt(0), steps, found, 6);
        note('cut', differenceOf(plan, ours, theirs));
        counts.listings += 1;
      }
      for (const [index, error] of plan.errors.entries()) {
        const { ours, theirs } = await pair(service, plan, inputAt(index), [error], found);
        note(error.title, theirs.error === undefined ? 'no error in boto3' : differenceOf(plan, ours, theirs));
        counts.errors += 1;
      }
      for (const answer of plan.broken) {
        const { ours, theirs } = await pair(service, plan, inputAt(1), [answer], found);
        const bad = ours.kind === 'ran' && ours.failure === 'aws_malformed' && theirs.result === undefined;
        note(answer.title, bad ? null : `ours ${JSON.stringify(ours)}, boto3 ${JSON.stringify(theirs)}`);
        counts.broken += 1;
      }
      counts.operations += 1;
      counts.differences += found.length;
      if (found.length > 0) expect.fail(`${found.length} differences\n${found.slice(0, 8).join('\n')}`);
    });
  }

  it('covers what the SDK and boto3 have', () => {
    expect(sdkOperations.length).to.be.at.least(180);
    expect(counts.operations).to.equal(operations.length);
    expect(actions.filter(({ service }) => service === 'iam')).to.have.length(sdkOperations.length);
    expect(sdkOperations.filter((name) => !(name in started.names.iam))).to.deep.equal([]);
    // What boto3 has and the SDK has not is a small rest, or the plans would be empty.
    expect(started.dropped.length).to.be.below(40);
    expect([...selects].filter((text) => !text.startsWith('update_access_key Status='))).to.deep.equal([]);
    expect([...ownUser].sort()).to.deep.equal(onlyWithUser);
    const { answers, listings, errors, broken, requests, differences } = counts;
    for (const [count, least] of [
      [answers, 1500],
      [listings, 200],
      [errors, 1000],
      [broken, 500],
      [requests, 3500],
    ] as const) {
      expect(count).to.be.at.least(least);
    }
    expect(differences).to.equal(0);
  });

  it('`iam-agent actions --json` lists every operation', async () => {
    const bin = fileURLToPath(new URL('../../bin/iam-agent.mjs', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [bin, 'actions', '--json'], {
      maxBuffer: 16 * 2 ** 20,
    });
    const listed = JSON.parse(stdout) as readonly { readonly name: string }[];
    const wanted = Object.values(started.names.iam).filter((name) => name !== 'update_open_id_connect_provider');
    expect(listed.map(({ name }) => name)).to.include.members(wanted);
  });
});

const list = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '));
