// The jobs that a campaign asks for: reads of one page and of several, every kind of change, and one that the host does not allow. Each row has a name of its own, so that what AWS
// did can be laid to it.
import type { AskedJob, AskedRow } from './checker/evidence.ts';
import { listedUsers, standingKeys } from './endpoint-state.ts';
import type { Random } from './random.ts';

interface JobKind {
  readonly action: string;
  readonly changes: string | null;
  readonly itemName: string | null;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** The columns of a row. */
  readonly row: (marker: string) => Readonly<Record<string, string>>;
  /** What a read gives, and null for a change. */
  readonly items: ((marker: string) => readonly string[]) | null;
  /** The host does not allow the action. */
  readonly refused?: boolean;
}

const user = (marker: string): { user: string } => ({ user: marker });
const change = (action: string, changes: string, inputs: JobKind['inputs'] = {}): JobKind => ({
  action,
  changes,
  itemName: null,
  inputs: { Username: '{{ user }}', ...inputs },
  row: user,
  items: null,
});

const jobKinds = {
  list_access_keys: {
    ...change('list_access_keys', ''),
    changes: null,
    itemName: 'AccessKeyId',
    items: standingKeys,
  },
  list_users: {
    action: 'list_users',
    changes: null,
    itemName: 'UserName',
    inputs: { 'Path Prefix': '/{{ user }}/' },
    row: user,
    items: (marker) => listedUsers(`/${marker}/`),
  },
  create_access_key: change('create_access_key', 'CreateAccessKey'),
  create_user: change('create_user', 'CreateUser'),
  update_access_key: {
    ...change('update_access_key', 'UpdateAccessKey', { 'Access Key': '{{ key }}', Status: 'Inactive' }),
    row: (marker) => ({ user: marker, key: standingKeys(marker)[0] ?? '' }),
  },
  attach_user_policy: change('attach_user_policy', 'AttachUserPolicy', {
    'Policy ARN': 'arn:aws:iam::aws:policy/ReadOnlyAccess',
  }),
  tag_user: change('tag_user', 'TagUser', { Tags: [{ Key: 'row', Value: '{{ user }}' }] }),
  delete_user: { ...change('delete_user', 'DeleteUser'), refused: true },
} as const satisfies Record<string, JobKind>;
export type JobKindName = keyof typeof jobKinds;
export const jobKindNames = Object.keys(jobKinds) as JobKindName[];

const kindOf = (name: JobKindName): JobKind => jobKinds[name];
/** What the host allows. */
export const allowedActions = jobKindNames.filter((name) => kindOf(name).refused !== true);

export interface JobPlan {
  readonly kind: JobKindName;
  /** Unique in the campaign. */
  readonly name: string;
  readonly rows: number;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly ttlSeconds?: number;
  /** Part of the rows that name a user whom AWS does not know. */
  readonly absentShare?: number;
  readonly statuses?: readonly string[];
}

/** The body of `POST /api/v1/jobs`, and what the checker is told of it. */
export function askFor(plan: JobPlan, agent: string, random: Random): { body: string; asked: Omit<AskedJob, 'id'> } {
  const kind = kindOf(plan.kind);
  const rows = Array.from({ length: plan.rows }, (_, index): AskedRow => {
    const absent = plan.kind !== 'list_users' && random.chance(plan.absentShare ?? 0);
    const marker = `${plan.name}-r${index}${absent ? '-absent' : ''}`;
    const items = kind.items === null ? null : absent ? [] : kind.items(marker);
    return { marker, items, absent };
  });
  const head = {
    agent,
    connection: 'prod',
    action: kind.action,
    inputs: kind.inputs,
    ...(plan.options === undefined ? {} : { options: plan.options }),
    ...(plan.ttlSeconds === undefined ? {} : { ttl_seconds: plan.ttlSeconds }),
  };
  const { changes, itemName, action, refused = false } = kind;
  const lines = rows.map(({ marker }) => JSON.stringify(kind.row(marker)));
  return {
    body: [JSON.stringify(head), ...lines].join('\n'),
    asked: { agent, action, changes, itemName, rows, refused, statuses: statusesOf(plan) },
  };
}

/** A refused job may still expire before the host has seen it. */
function statusesOf({ kind, statuses = ['completed'] }: JobPlan): readonly string[] {
  if (kindOf(kind).refused !== true) return statuses;
  return ['rejected', ...statuses.filter((status) => status === 'expired')];
}

/** Mostly plain jobs, and some of each that ends in another way. */
export function drawJob(random: Random, name: string, rows: readonly [number, number]): JobPlan {
  const kind = random.pick(jobKindNames);
  const plan = { kind, name, rows: random.between(...rows), absentShare: random.chance(0.3) ? 0.1 : 0 };
  const concurrency = random.chance(0.3) ? { concurrency: random.between(1, 4) } : {};
  const draw = random.next();
  if (draw < 0.06)
    return { ...plan, ttlSeconds: random.between(1, 3), statuses: ['completed', 'expired'], options: concurrency };
  if (draw < 0.12)
    return {
      ...plan,
      absentShare: 0.05,
      options: { ...concurrency, on_error: 'stop' },
      statuses: ['completed', 'stopped'],
    };
  return { ...plan, options: concurrency };
}
