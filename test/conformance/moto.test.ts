// All actions against a real moto server. The agent calls it through a relay that keeps every answer; the same bytes are then given to boto3,
// so the comparison is exact and leaves nothing out, request ids and dates among it.
import { expect } from 'chai';
import { decodeAnswer } from '../../agent/iam/decode.ts';
import type { CallAnswer } from '../../agent/iam/iam-caller.ts';
import type { Json } from '../../protocol/json.ts';
import type { Envelope } from '../../protocol/result-envelope.ts';
import { type Moto, startMoto } from '../support/moto.ts';
import { type ScriptedEndpoint, startScriptedEndpoint, type Step } from '../support/scripted-endpoint.ts';
import { Boto3Oracle } from './boto3.ts';
import { asJson, prepared, runEnvelopes, testCaller, type TestCaller, testConnection } from './side-by-side.ts';

const roleArn = 'arn:aws:iam::123456789012:role/responder';
const trust =
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}';
const allow = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}';

describe('the actions against moto, beside boto3', function suite() {
  this.timeout(30_000);
  let moto: Moto;
  let relay: ScriptedEndpoint;
  let oracle: Boto3Oracle;
  let caller: TestCaller;

  before(async () => {
    [moto, relay] = await Promise.all([startMoto(), startScriptedEndpoint()]);
    oracle = new Boto3Oracle();
    caller = testCaller(testConnection(relay.url));
  });
  after(async () => {
    caller.close();
    await oracle.stop();
    await relay.stop();
    await moto.stop();
  });
  beforeEach(async () => {
    await moto.reset();
    relay.relay(moto.url);
  });

  async function raw(operation: string, input: Record<string, Json>): Promise<Record<string, Json>> {
    const connection = testConnection(relay.url);
    const { signal } = new AbortController();
    const request = {
      service: 'iam',
      operation,
      input,
      connection,
      roleArn: null,
      sessionName: 'set-up',
      repeat: 'safe',
      signal,
    } as const;
    const answer: CallAnswer = await caller.call(request);
    if (answer.kind !== 'answer') throw new Error(`${operation}: ${answer.kind}`);
    const decoded = decodeAnswer('iam', operation, answer);
    if (decoded.kind !== 'result') throw new Error(`${operation}: ${JSON.stringify(decoded)}`);
    return decoded.result;
  }

  interface Both {
    readonly ours: readonly Envelope[];
    readonly theirs: { readonly result?: Record<string, unknown>; readonly error?: string; readonly crash?: string };
    readonly operations: readonly string[];
  }

  /** Runs the action, then boto3 on the answers that the action was given. AssumeRole's are the agent's own and not replayed. */
  async function both(
    action: string,
    inputs: Record<string, Json>,
    method: string,
    input: Record<string, unknown>,
    paginate?: { MaxItems?: number },
  ): Promise<Both> {
    relay.relay(moto.url);
    const ours = await runEnvelopes(prepared(action, inputs), caller, testConnection(relay.url));
    const operations = relay.requests.map((request) => request.operation);
    const steps: Step[] = relay.recorded.filter((_step, index) => operations[index] !== 'AssumeRole');
    relay.play(steps);
    const service = action === 'test_connection' ? 'sts' : 'iam';
    const paging = paginate === undefined ? {} : { paginate };
    const theirs = await oracle.call({ service, endpoint: relay.url, method, input, ...paging });
    relay.relay(moto.url);
    return { ours, theirs, operations };
  }

  function expectObject({ ours, theirs }: Both): Record<string, unknown> {
    expect(theirs.result, JSON.stringify(theirs)).to.be.an('object');
    expect(asJson(ours)).to.deep.equal([{ result: theirs.result, error: null, has_error: false }]);
    return theirs.result ?? {};
  }

  function expectError({ ours, theirs }: Both, code: string): void {
    expect(theirs.error).to.contain(`(${code})`);
    expect(ours).to.have.length(1);
    expect(ours[0]).to.include({ error: theirs.error, has_error: true, error_code: 'aws_error' });
  }

  async function newKey(user: string): Promise<string> {
    const { AccessKey } = await raw('CreateAccessKey', { UserName: user });
    return (AccessKey as { AccessKeyId: string }).AccessKeyId;
  }

  it('test_connection', async () => {
    const result = expectObject(await both('test_connection', {}, 'get_caller_identity', {}));
    expect(result).to.have.property('Account', '123456789012');
  });

  it('create_access_key, twice, then the quota, then no such user', async () => {
    await raw('CreateUser', { UserName: 'alice' });
    const create = async (user: string): Promise<Both> =>
      await both('create_access_key', { Username: user }, 'create_access_key', { UserName: user });
    for (let index = 0; index < 2; index += 1) {
      const result = expectObject(await create('alice'));
      expect(result).to.have.nested.property('AccessKey.SecretAccessKey').that.has.length.above(20);
    }
    const third = await create('alice');
    expectError(third, 'LimitExceeded');
    expect(third.operations).to.deep.equal(['CreateAccessKey']);
    expectError(await create('nobody'), 'NoSuchEntity');
  });

  it('list_access_keys: none, two, no such user', async () => {
    await raw('CreateUser', { UserName: 'alice' });
    const list = async (user: string): Promise<Both> =>
      await both('list_access_keys', { Username: user }, 'list_access_keys', { UserName: user }, {});
    expect((await list('alice')).ours).to.deep.equal([]);
    const ids = [await newKey('alice'), await newKey('alice')];
    const { ours, theirs } = await list('alice');
    const items = theirs.result?.['AccessKeyMetadata'] as Record<string, unknown>[];
    expect(asJson(ours)).to.deep.equal(items.map((item) => ({ ...item, error: null, has_error: false })));
    expect(ours.map((envelope) => envelope['AccessKeyId'])).to.have.members(ids);
    expectError(await list('nobody'), 'NoSuchEntity');
  });

  it('update_access_key, seen by list_access_keys', async () => {
    await raw('CreateUser', { UserName: 'alice' });
    const id = await newKey('alice');
    const inputs = { Username: 'alice', 'Access Key': id, Status: 'Inactive' };
    expectObject(
      await both('update_access_key', inputs, 'update_access_key', {
        UserName: 'alice',
        AccessKeyId: id,
        Status: 'Inactive',
      }),
    );
    const { ours } = await both(
      'list_access_keys',
      { Username: 'alice' },
      'list_access_keys',
      { UserName: 'alice' },
      {},
    );
    expect(ours[0]).to.include({ AccessKeyId: id, Status: 'Inactive', error: null, has_error: false });
  });

  it('delete_access_key, once and again', async () => {
    await raw('CreateUser', { UserName: 'alice' });
    const id = await newKey('alice');
    const remove = async (): Promise<Both> =>
      await both('delete_access_key', { Username: 'alice', 'Access Key': id }, 'delete_access_key', {
        UserName: 'alice',
        AccessKeyId: id,
      });
    expectObject(await remove());
    expectError(await remove(), 'NoSuchEntity');
  });

  it('get_access_key_last_used: a key that was never used', async () => {
    await raw('CreateUser', { UserName: 'alice' });
    const id = await newKey('alice');
    const result = expectObject(
      await both('get_access_key_last_used', { 'Access Key': id }, 'get_access_key_last_used', { AccessKeyId: id }),
    );
    expect(result).to.have.property('UserName', 'alice');
  });

  it('attach_user_policy: with the connection, with a role, and what is not there', async () => {
    await raw('CreateUser', { UserName: 'alice' });
    await raw('CreateRole', { RoleName: 'responder', AssumeRolePolicyDocument: trust });
    const { Policy } = await raw('CreatePolicy', { PolicyName: 'p1', PolicyDocument: allow });
    const { Arn } = Policy as { Arn: string };
    const attach = async (user: string, role: string): Promise<Both> =>
      await both('attach_user_policy', { 'Role Arn': role, Username: user, 'Policy ARN': Arn }, 'attach_user_policy', {
        UserName: user,
        PolicyArn: Arn,
      });
    const plain = await attach('alice', '');
    expectObject(plain);
    expect(plain.operations).to.deep.equal(['AttachUserPolicy']);
    const first = await attach('alice', roleArn);
    expectObject(first);
    expect(first.operations).to.deep.equal(['AssumeRole', 'AttachUserPolicy']);
    const second = await attach('nobody', roleArn);
    expectError(second, 'NoSuchEntity');
    expect(second.operations, 'the session is kept').to.deep.equal(['AttachUserPolicy']);
  });

  it('list_policies: all, cut, filtered and empty', async () => {
    const names = Array.from({ length: 25 }, (_none, index) => `p${String(index).padStart(2, '0')}`);
    for (const name of names)
      await raw('CreatePolicy', { PolicyName: name, PolicyDocument: allow, Description: `${name} é <&>` });
    const list = async (
      inputs: Record<string, Json>,
      input: Record<string, unknown>,
      paginate: { MaxItems?: number },
    ): Promise<readonly Envelope[]> => {
      const { ours, theirs } = await both('list_policies', inputs, 'list_policies', input, paginate);
      const items = theirs.result?.['Policies'] as Record<string, unknown>[];
      expect(asJson(ours)).to.deep.equal(items.map((item) => ({ ...item, error: null, has_error: false })));
      return ours;
    };
    expect(
      await list(
        { Scope: 'Local', 'Only Attached': '', 'Max Items': '', 'Policy Usage Filter': '' },
        { Scope: 'Local' },
        {},
      ),
    ).to.have.length(25);
    expect(await list({ Scope: 'Local', 'Max Items': '7' }, { Scope: 'Local' }, { MaxItems: 7 })).to.have.length(7);
    expect(
      await list({ Scope: 'Local', 'Only Attached': 'True' }, { Scope: 'Local', OnlyAttached: true }, {}),
    ).to.deep.equal([]);
  });
});
