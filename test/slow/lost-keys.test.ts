// A new key whose answer is lost after AWS made it, two hundred times, against a real IAM server behind a relay that breaks the connection. The
// agent leaves one key and names it; what boto3 and the SDK leave by themselves, with their defaults, is counted beside it.
import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import {
  type AccessKeyMetadata,
  CreateAccessKeyCommand,
  CreateUserCommand,
  IAMClient,
  ListAccessKeysCommand,
} from '@aws-sdk/client-iam';
import type { Connection } from '../../agent/connection.ts';
import { systemClock } from '../../agent/io/clock-system.ts';
import { prepared, testCaller, type TestCaller, testConnection } from '../conformance/side-by-side.ts';
import { portsWith, stepsOf } from '../support/call-steps.ts';
import { type Moto, startMoto } from '../support/moto.ts';
import { pythonPath } from '../support/python.ts';
import { type ScriptedEndpoint, startScriptedEndpoint } from '../support/scripted-endpoint.ts';

const tries = 200;
const atOnce = 16;
const pythonEnv = { ...process.env, AWS_CONFIG_FILE: '/dev/null', AWS_EC2_METADATA_DISABLED: 'true' };
const credentials = { accessKeyId: 'AKIDTEST000000000000', secretAccessKey: 'test' };

/** boto3 as anybody uses it; only a pool, so that its pauses do not add up. */
const boto3Program = `
import boto3, json, sys
from concurrent.futures import ThreadPoolExecutor
endpoint, users = json.load(sys.stdin)
keys = {'aws_access_key_id': 'AKIDTEST000000000000', 'aws_secret_access_key': 'test'}
iam = boto3.client('iam', region_name='us-east-1', endpoint_url=endpoint, **keys)
def create(user):
    try:
        return 'SecretAccessKey' in iam.create_access_key(UserName=user)['AccessKey']
    except Exception:
        return False
with ThreadPoolExecutor(${atOnce}) as pool:
    json.dump(list(pool.map(create, users)), sys.stdout)
`;

async function inTurns<T>(items: readonly string[], work: (item: string, index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  const queue = items.entries();
  const lane = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item, index);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return results;
}

describe('a new key whose answer is lost', () => {
  let moto: Moto;
  let relay: ScriptedEndpoint;
  let direct: IAMClient;
  let caller: TestCaller;

  before(async () => {
    [moto, relay] = await Promise.all([startMoto(), startScriptedEndpoint()]);
    direct = new IAMClient({ region: 'us-east-1', endpoint: moto.url, credentials });
    caller = testCaller(testConnection(relay.url));
  });
  after(async () => {
    caller.close();
    direct.destroy();
    await Promise.all([relay.stop(), moto.stop()]);
  });

  /** Users, and a relay that loses the first answer about a key of each, after the key was made. */
  async function usersOf(who: string): Promise<readonly string[]> {
    const users = Array.from({ length: tries }, (_none, index) => `${who}-${index}`);
    await inTurns(users, async (user) => await direct.send(new CreateUserCommand({ UserName: user })));
    const lost = new Set<string>();
    relay.relay(moto.url, ({ operation, params }) => {
      const user = params.get('UserName') ?? '';
      if (operation !== 'CreateAccessKey' || lost.has(user)) return null;
      lost.add(user);
      return 'after';
    });
    return users;
  }

  const keysOf = async (users: readonly string[]): Promise<AccessKeyMetadata[][]> =>
    await inTurns(users, async (user) => {
      const { AccessKeyMetadata: keys } = await direct.send(new ListAccessKeysCommand({ UserName: user }));
      return keys ?? [];
    });

  const extra = (keys: readonly (readonly unknown[])[]): number => keys.reduce((sum, own) => sum + own.length - 1, 0);

  async function envelopeOf(user: string, connection: Connection): Promise<Readonly<Record<string, unknown>>> {
    const { ports } = portsWith(caller, { clock: systemClock(), connection, sessionName: 'job-1' });
    const [step] = await stepsOf(prepared('create_access_key', { Username: user }), ports);
    if (step?.kind !== 'page') throw new Error(JSON.stringify(step));
    expect(step.outcome).to.equal('unknown');
    return { ...step.envelopes[0] };
  }

  it('is one key, and the candidate that the agent names; boto3 and the SDK make more', async () => {
    const users = await usersOf('agent');
    const plain = testConnection(relay.url);
    // Every second one is made inactive.
    const envelopes = await inTurns(
      users,
      async (user, index) => await envelopeOf(user, { ...plain, deactivateOrphans: index % 2 === 1 }),
    );
    const ours = await keysOf(users);
    for (const [index, keys] of ours.entries()) {
      expect(keys, users[index]).to.have.length(1);
      const { AccessKeyId: id = '', Status: status } = keys[0] ?? {};
      expect(envelopes[index]).to.include({ has_error: true, error_code: 'outcome_unknown' });
      expect(envelopes[index]?.['error']).to.contain(`Candidate: ${id} (Active, created `);
      expect(status).to.equal(index % 2 === 1 ? 'Inactive' : 'Active');
    }

    const forBoto3 = await usersOf('boto3');
    const child = spawn(pythonPath(), ['-c', boto3Program], { stdio: ['pipe', 'pipe', 'inherit'], env: pythonEnv });
    child.stdin.end(JSON.stringify([relay.url, forBoto3]));
    const [printed] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    const theirs = await keysOf(forBoto3);

    const forSdk = await usersOf('sdk');
    const sdk = new IAMClient({ region: 'us-east-1', endpoint: relay.url, credentials });
    const answers = await inTurns(
      forSdk,
      async (user) =>
        await sdk.send(new CreateAccessKeyCommand({ UserName: user })).then(
          () => 'key',
          () => 'error',
        ),
    );
    sdk.destroy();
    const sdkKeys = await keysOf(forSdk);

    process.stdout.write(
      `\n  ${tries} lost answers each. Keys beyond one a user: the agent ${extra(ours)}, boto3 ${extra(theirs)}, the SDK ${extra(sdkKeys)}. ` +
        `Said to be a success: the agent 0, boto3 ${(JSON.parse(printed) as boolean[]).filter(Boolean).length}, ` +
        `the SDK ${answers.filter((answer) => answer === 'key').length}.\n`,
    );
    expect(extra(ours)).to.equal(0);
    // Otherwise the relay did not do to them what it did to the agent.
    expect(extra(theirs)).to.be.above(0);
    expect(extra(sdkKeys)).to.be.above(0);
  });
});
