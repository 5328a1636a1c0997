// What the demo tells, in order: an account, a control plane, a host, and a rotation of access keys that takes all seven actions. Every step
// checks its own outcome; the first that is not as expected ends the demo with a DemoError.
import type { Account } from './account.ts';
import { filesUnder, listeners, type Place, searchFor } from './evidence.ts';
import { DemoError } from './processes.ts';
import { folderName, type Say } from './say.ts';
import { hostConfiguration, type JobRun, programs, Stage } from './stage.ts';
import type { WireTap } from './wire-tap.ts';

export interface StoryParts {
  readonly stage: Stage;
  readonly say: Say;
  readonly tap: WireTap;
  readonly account: Account;
  readonly endpoint: string;
  readonly hostSecret: string;
}

export const people = ['alice', 'bob', 'carol'] as const;
const stranger = 'mallory';
const dataDir = ['--data-dir', Stage.at('control-plane')];
const config = ['--config', Stage.at('host/config.yaml')];
const allowedAtFirst = ['list', 'read', 'create_access_key', 'update_access_key', 'delete_access_key'];
const missingLine = '- attach_user_policy';

export interface Counted {
  readonly jobs: readonly string[];
  readonly rows: number;
  readonly results: number;
  readonly errors: number;
}

function expect(holds: boolean, what: string): void {
  if (!holds) throw new DemoError(`expected ${what}; it is not so`);
}

export async function controlPlane({ stage, say, tap }: StoryParts): Promise<void> {
  say.step('Start a control plane');
  await stage.serve([...dataDir, '--listen', '127.0.0.1:0', '--public-url', tap.url]);
  say.good('it made its store and its signing key in an empty folder and listens on loopback');
  say.note(
    '--public-url is a relay of this demo that keeps every byte between the host and the control plane, to be searched later.',
  );
}

export async function host({ stage, say, tap, endpoint, hostSecret }: StoryParts, accessKeyId: string): Promise<void> {
  say.step('Prepare the host: AWS keys in owner-only files, and what jobs may do with them');
  await stage.write('host/access_key', `${accessKeyId}\n`);
  await stage.write('host/secret_key', `${hostSecret}\n`);
  const text = hostConfiguration(tap.url, endpoint, allowedAtFirst);
  await stage.write('host/config.yaml', text);
  say.command(['cat', Stage.at('host/config.yaml')]);
  say.program(text);

  say.step('Add the host at the control plane, and pair it');
  const added = await stage.command('controlPlane', ['agents', 'add', 'host-1', ...dataDir]);
  expect(added.status === 0, 'agents add to succeed');
  const code = /^code +(\S+)$/m.exec(added.stdout)?.[1] ?? '';
  const fingerprint = /^fingerprint +(\S+)$/m.exec(added.stdout)?.[1] ?? '';
  const pair = ['pair', '--code-file', '-', '--fingerprint', fingerprint, ...config];
  const paired = await stage.command('agent', pair, { input: `${code}\n`, before: `echo ${code} |` });
  expect(paired.status === 0, 'pair to succeed');
  say.good('the host made its own key; the control plane got the public half and a proof, never the code');

  say.step('Run the agent');
  await stage.runAgent(config);
  const listed = await stage.command('controlPlane', ['agents', 'list', ...dataDir]);
  expect(/^host-1 +online/m.test(listed.stdout), 'host-1 to be online');
  const [own, other] = [
    await listeners(Number(await stage.read('host/state/agent.pid'))),
    await listeners(stage.controlPlane?.pid ?? 0),
  ];
  expect(own === null || (own === 0 && other === 1), `the agent to listen on nothing, found ${String(own)}`);
  say.good(own === null ? 'it dialled out' : 'it dialled out, and listens on no port (the control plane does, on one)');
}

/** The seven actions as a rotation of keys. */
export async function rotation(parts: StoryParts): Promise<Counted> {
  const { stage, say, account } = parts;
  const jobs: JobRun[] = [];
  const run = async (action: string, args: readonly string[], format = 'table'): Promise<JobRun> => {
    const made = await stage.job(action, args, format);
    jobs.push(made);
    return made;
  };
  const [users, team] = [`user\n${[...people, stranger].join('\n')}\n`, `user\n${people.join('\n')}\n`];
  await stage.write('users.csv', users);
  await stage.write('team.csv', team);

  say.step('List Policies: which policies does the account have?');
  const policies = await run('list_policies', ['--set', 'Scope=Local', '--set', 'Max Items=5']);
  succeeded(policies, 1);
  expect(
    policies.envelopes.some(({ Arn }) => Arn === account.policyArn),
    `${account.policyArn} among the policies`,
  );
  say.good('one signed job, one row of result');

  say.step('List Access Keys: of everybody in users.csv, one of whom does not exist');
  say.command(['cat', Stage.at('users.csv')]);
  say.program(users);
  const keys = await run('list_access_keys', ['--rows', Stage.at('users.csv'), '--set', 'Username={{ user }}']);
  oneUnknownUser(keys);
  say.good(`the unknown user is an error row (NoSuchEntity) and stopped nobody else: exit status ${keys.ended.status}`);
  await keepOldKeys(parts, keys);

  await oldKeys(parts, run);

  say.step('Attach User Policy: the host does not allow it');
  const attach = ['--rows', Stage.at('team.csv'), '--set', 'Username={{ user }}'];
  const policy = ['--set', `Policy ARN=${account.policyArn}`];
  const refused = await run('attach_user_policy', [...attach, ...policy]);
  isRefused(refused);
  for (const user of people) expect((await account.policiesOf(user)).length === 0, `no policy attached to ${user}`);
  say.good('refused on the host before any call; the answer names the line to add');

  say.step('Add that line on the host, restart the agent, and run it again');
  say.command(['echo', `      ${missingLine}`], { after: `>> "${Stage.at('host/config.yaml')}"` });
  await stage.append('host/config.yaml', `      ${missingLine}\n`);
  say.command([], { after: `kill "$(cat "${Stage.at('host/state/agent.pid')}")"` });
  await stage.stopAgent();
  await stage.runAgent(config);
  succeeded(await run('attach_user_policy', [...attach, ...policy]), people.length);
  for (const user of people)
    expect((await account.policiesOf(user)).includes(account.policyArn), `the policy attached to ${user}`);
  say.good('attached; the account agrees');

  const envelopes = jobs.flatMap((job) => job.envelopes);
  const rows = jobs.filter((job) => job !== refused).map((job) => new Set(job.envelopes.map(({ row }) => row)).size);
  return {
    jobs: jobs.map(({ job }) => job),
    rows: rows.reduce((sum, count) => sum + count, 0),
    results: envelopes.length,
    errors: envelopes.filter((envelope) => envelope.has_error).length,
  };
}

type Run = (action: string, args: readonly string[], format?: string) => Promise<JobRun>;

async function oldKeys({ say, account }: StoryParts, run: Run): Promise<void> {
  const old = ['--rows', Stage.at('old-keys.jsonl'), '--set', 'Access Key={{ AccessKeyId }}'];
  const oldOf = [...old, '--set', 'Username={{ UserName }}'];
  say.step('Get Access Key Last Used: are the old keys in use?');
  succeeded(await run('get_access_key_last_used', old), people.length);

  say.step(`Create Access Key: a new one for each in team.csv (users.csv without ${stranger})`);
  const team = ['--rows', Stage.at('team.csv'), '--set', 'Username={{ user }}'];
  succeeded(await run('create_access_key', team), people.length);
  say.good('new secrets are in these results, so the control plane has seen them: allow this action only where it may');

  say.step('Update Access Key: switch the old ones off');
  succeeded(await run('update_access_key', [...oldOf, '--set', 'Status=Inactive']), people.length);
  for (const user of people) {
    const statuses = (await account.keysOf(user)).map(({ status }) => status).toSorted();
    expect(statuses.join(' ') === 'Active Inactive', `one active and one inactive key of ${user}`);
  }
  say.step('Delete Access Key: and remove them');
  succeeded(await run('delete_access_key', oldOf), people.length);
  for (const user of people) {
    const statuses = (await account.keysOf(user)).map(({ status }) => status);
    expect(statuses.join(' ') === 'Active', `one active key left of ${user}`);
  }
  say.good('asked directly, the account has one active key for each of them');
}

/** Results of one job are rows of the next. */
async function keepOldKeys({ stage, say }: StoryParts, { job, envelopes }: JobRun): Promise<void> {
  say.note('The results are rows for the next jobs:');
  const filter = `| grep '"has_error":false' > "${Stage.at('old-keys.jsonl')}"`;
  say.command([programs.controlPlane, 'jobs', 'results', job, ...dataDir], { after: filter });
  const lines = envelopes.filter((envelope) => !envelope.has_error).map((envelope) => JSON.stringify(envelope));
  await stage.write('old-keys.jsonl', `${lines.join('\n')}\n`);
}

/** Searches everything that the control plane has and everything that was on the wire. */
export async function secrecy({ stage, say, tap, account, hostSecret }: StoryParts): Promise<void> {
  say.step("Look for the host's secret key where it must not be");
  say.command(['grep', '-rF', '-f', Stage.at('host/secret_key'), Stage.at('control-plane')]);
  const { fromAgent, toAgent } = tap.heard();
  const wire: readonly Place[] = [
    { name: 'the traffic from the host', bytes: fromAgent },
    { name: 'the traffic to the host', bytes: toAgent },
  ];
  const said = [stage.controlPlane?.stdout, stage.controlPlane?.stderr].join('\n');
  const held = [
    ...(await filesUnder(stage.path('control-plane'))),
    { name: "the control plane's output", bytes: Buffer.from(said) },
  ];
  const { bytes, places, found } = searchFor(hostSecret, [...held, ...wire]);
  expect(found.length === 0, `the secret key nowhere, but it is in ${found.join(', ')}`);
  expect(
    searchFor('host-1', held).found.length > 0,
    "the host's name in the control plane's folder (does the search work?)",
  );
  const [key] = await account.keysOf(people[0]);
  expect(
    key !== undefined && searchFor(key.id, wire).found.length === 1,
    'a new key id in the traffic (does the search work?)',
  );
  say.good(`not in ${places} places (${bytes} bytes), neither as it is nor in base64, hex or quoted`);
  say.good("the same search finds the host's name and a key id made by a job, so it would have found it");
  say.note(
    `The control plane's folder holds results sealed; the ${fromAgent.length + toAgent.length} bytes of traffic were read in clear.`,
  );
}

export async function summary({ stage, say }: StoryParts, { jobs, rows, results, errors }: Counted): Promise<void> {
  say.step('Summary');
  const listed = await stage.command('controlPlane', ['jobs', 'list', ...dataDir]);
  for (const job of jobs) expect(listed.stdout.includes(job), `job ${job} in the list`);
  say.line();
  say.note(`jobs        ${jobs.length}: all seven actions, and one refused (action_not_allowed), as expected`);
  say.note(`rows        ${rows} run, ${results} results`);
  say.note(`errors      ${errors} expected (no user ${stranger}), 0 unexpected`);
  say.note(
    `where       host: ${folderName}/host (keys, configuration, journal); control plane: ${folderName}/control-plane`,
  );
  say.note('            AWS: a test server, with the users that this demo made');
  say.note('try next    npm run demo -- --stay     keeps all this running, so that the commands above can be pasted');
  say.note(
    '            README.md                  put it on a host; docs/lifecycle.md tells what happened to each job',
  );
}

function succeeded({ ended, envelopes }: JobRun, count: number): void {
  const good = envelopes.filter((envelope) => !envelope.has_error).length;
  expect(
    ended.status === 0 && good === count && envelopes.length === count,
    `exit status 0 and ${count} results without an error, found ${String(ended.status)} and ${good} of ${envelopes.length}`,
  );
}

function oneUnknownUser({ ended, envelopes }: JobRun): void {
  const errors = envelopes.filter((envelope) => envelope.has_error);
  const [first] = errors;
  expect(ended.status === 1, `exit status 1 because a row failed, found ${String(ended.status)}`);
  expect(envelopes.length - errors.length === people.length, `a key for each of ${people.join(', ')}`);
  expect(
    errors.length === 1 && first?.error_code === 'aws_error' && first.error?.includes('(NoSuchEntity)') === true,
    `one error row with NoSuchEntity, found ${JSON.stringify(errors)}`,
  );
}

function isRefused({ ended, envelopes }: JobRun): void {
  const told = ended.stderr.includes('action_not_allowed') && ended.stderr.includes(missingLine);
  expect(ended.status === 1 && envelopes.length === 0 && told, 'a refusal that names the line to add');
}
