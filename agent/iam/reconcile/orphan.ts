// An orphan is a credential that a lost call made and whose secret nobody holds. If the host says so (deactivate_orphans), and only when exactly
// one candidate fits, it is made inactive. It is never deleted: whoever made it, if it was not this call, can make it active again.
import { callOnce } from '../call-once.ts';
import { actions } from '../catalogue.ts';
import type { PreparedCall } from '../inputs.ts';
import { idOf, type Readable, type Reading } from './judge.ts';
import type { ReadDeps } from './read.ts';
import type { BeforeRecord } from './record.ts';
import { at, textOf } from './rule.ts';

export interface OrphanPorts {
  /** Makes the record durable; called before anything is changed. */
  readonly keepRecord: (record: BeforeRecord) => Promise<void>;
  /** False: no change may leave any more. */
  readonly mayChange: () => boolean;
}

interface Deps extends Omit<ReadDeps, 'retryForMs'>, OrphanPorts {
  /** What a read says of an update whose answer was lost too. */
  readonly readBack: (update: PreparedCall) => Promise<string>;
}

function updateOf(call: PreparedCall, actionName: string, input: Readonly<Record<string, string>>): PreparedCall {
  const action = actions.find(({ name }) => name === actionName);
  if (action === undefined) throw new Error(`the catalogue has no ${actionName}`);
  const { roleArn } = call;
  return { action, input: { ...input, Status: 'Inactive' }, roleArn, maxItems: null, asRows: false, waitSeconds: null };
}

/** What was done about an orphan, in words; null: nothing is to be done. */
export async function withOrphan(
  rule: Readable,
  call: PreparedCall,
  before: BeforeRecord | null,
  { candidates = [] }: Reading,
  deps: Deps,
): Promise<string | null> {
  if (!deps.connection.deactivateOrphans || rule.kind !== 'minted' || rule.deactivate === undefined) return null;
  const [only, another] = candidates;
  if (only === undefined || before === null) return null;
  if (another !== undefined) return 'None was made inactive (deactivate_orphans), since there is more than one.';
  const id = idOf(rule.read, only);
  if (only['Status'] === 'Inactive') {
    const by = before.deactivating === id ? '; this agent was about to make it so (deactivate_orphans)' : '';
    return `${id} is inactive${by}.`;
  }
  // A listing lags: what it did not show may have been there all the same, and in somebody's hands.
  const createdMs = Date.parse(textOf(at(only, rule.read.created ?? '')));
  if (before.atMs === undefined || !(createdMs >= before.atMs)) {
    return `${id} was left as it is (deactivate_orphans): by AWS's clock it is not certain that it is younger than the call.`;
  }
  if (!deps.mayChange()) return `${id} was left as it is: no further change may leave for this job.`;
  const { action, idInput } = rule.deactivate;
  const update = updateOf(call, action, { UserName: textOf(call.input['UserName']), [idInput]: id });
  await deps.keepRecord({ ...before, deactivating: id });
  const once = await callOnce(deps.caller, {
    service: 'iam',
    operation: update.action.operation,
    input: update.input,
    connection: deps.connection,
    roleArn: update.roleArn,
    sessionName: deps.sessionName,
    repeat: update.action.repeat,
    mayCall: deps.mayChange,
    // As any change: once it has left, it is not cut off.
    signal: new AbortController().signal,
  });
  if (once.kind === 'result') return `${id} was made inactive (deactivate_orphans).`;
  const { failure } = once;
  if (!failure.outcomeUnknown) return `${id} could not be made inactive (deactivate_orphans): ${failure.text}`;
  return `Whether ${id} was made inactive (deactivate_orphans) is not known (${failure.text}). ${await deps.readBack(update)}`;
}
