// The comparison with boto3 must be able to fail: copies of the agent, each with one fault in the part that makes boto3's results of answers,
// stand before the same judge as the agent, and every one must be seen. The agent as it is must pass first.
import { expect } from 'chai';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type ScriptedEndpoint, startScriptedEndpoint, type Step } from '../support/scripted-endpoint.ts';
import { Boto3Oracle, type OracleAnswer } from './boto3.ts';
import { actionFor, differenceOf, runOurs, type Subject } from './judge.ts';
import { type Mutation, mutations } from './mutations.ts';
import { type Parameters, type Plan, stepOf } from './plan.ts';
import { sdkStructures } from './sdk-model.ts';
import { testCaller, type TestCaller, testConnection } from './side-by-side.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Every kind of shape, of form and of paging is in one of these. */
const operations = [
  'CreateVirtualMFADevice',
  'DeleteUser',
  'GetAccountAuthorizationDetails',
  'GetAccountSummary',
  'GetCredentialReport',
  'GetPolicyVersion',
  'GetRole',
  'ListAccountAliases',
  'ListDelegationRequests',
  'ListPolicyVersions',
];

interface Case {
  readonly title: string;
  readonly operation: string;
  readonly plan: Plan;
  readonly input: Parameters;
  readonly steps: readonly Step[];
  readonly theirs: OracleAnswer;
  /** Parameters of each request that boto3 made. */
  readonly requests: readonly string[];
}

const requestsOf = (endpoint: ScriptedEndpoint): string[] =>
  endpoint.requests.map(({ params }) => [...params].sort().join('&'));

describe('a broken normaliser is seen', function suite() {
  this.timeout(60_000);
  let endpoint: ScriptedEndpoint;
  let oracle: Boto3Oracle;
  let caller: TestCaller;
  let folder: string;
  const cases: Case[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'iam-agent-broken-'));
    endpoint = await startScriptedEndpoint();
    oracle = new Boto3Oracle();
    await oracle.start(sdkStructures);
    caller = testCaller(testConnection(endpoint.url));
    for (const operation of operations) {
      const plan = await oracle.plan('iam', operation, 1, 1);
      const input = plan.inputs[0]?.input ?? {};
      const scripts = [
        ...plan.answers.filter(({ lacking }) => lacking !== true).map((answer) => ({ ...answer, steps: [answer] })),
        ...plan.pages,
        ...plan.errors.map((error) => ({ ...error, steps: [error] })),
      ];
      for (const { title, steps: planned } of scripts) {
        const steps = planned.map(stepOf);
        endpoint.play(steps);
        const paginate = plan.paged ? { paginate: { PageSize: 1000 } } : {};
        const call = { service: 'iam', endpoint: endpoint.url, method: plan.method, input, ...paginate } as const;
        const theirs = await oracle.callExact(call);
        cases.push({ title, operation, plan, input, steps, theirs, requests: requestsOf(endpoint) });
      }
    }
  });
  after(async () => {
    caller.close();
    await oracle.stop();
    await endpoint.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What differs first, or null. */
  async function judge(subject: Subject): Promise<string | null> {
    for (const { title, operation, plan, input, steps, theirs, requests } of cases) {
      endpoint.play(steps);
      try {
        const ours = await runOurs(subject, actionFor(subject, 'iam', operation), input, {
          caller,
          connection: testConnection(endpoint.url),
        });
        const request = requestsOf(endpoint).join('\n') === requests.join('\n') ? null : 'another request';
        const difference = differenceOf(plan, ours, theirs) ?? request;
        if (difference !== null) return `${operation}, ${title}: ${difference}`;
      } catch (error) {
        return `${operation}, ${title}: ${String(error)}`;
      }
    }
    return null;
  }

  /** A copy of the agent's sources, with the fault if there is one. */
  async function copyOf(name: string, mutation: Mutation | null): Promise<Subject> {
    const copy = join(folder, name);
    for (const part of ['agent', 'protocol', 'package.json'])
      cpSync(join(root, part), join(copy, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    if (mutation !== null) {
      const path = join(copy, mutation.file);
      const parts = readFileSync(path, 'utf8').split(mutation.from);
      expect(parts, `${mutation.file} must hold ${mutation.from} once`).to.have.length(2);
      writeFileSync(path, parts.join(mutation.to));
    }
    const load = async (file: string): Promise<unknown> => await import(pathToFileURL(join(copy, file)).href);
    const modules = await Promise.all(
      ['agent/iam/catalogue.ts', 'agent/iam/inputs.ts', 'agent/iam/run-action.ts', 'protocol/error-codes.ts'].map(load),
    );
    return Object.assign({}, ...modules) as Subject;
  }

  it('the agent as it is passes', async () => {
    expect(cases.length).to.be.above(150);
    expect(await judge(await copyOf('whole', null))).to.equal(null);
  });

  for (const [index, mutation] of mutations.entries()) {
    it(`${mutation.file}: ${mutation.to}`, async () => {
      const subject = await copyOf(String(index), mutation);
      expect(await judge(subject), 'what differs').to.be.a('string');
    });
  }
});
