// Each delivery guarantee with its rule taken out, and where the harm is looked for. The suite must find every one of them.
import type { Series } from './enumerate.ts';
import type { FaultGroup } from './faults.ts';
import type { JobKindName } from './jobs.ts';
import type { Mutation } from './mutation.ts';

type Hunt =
  /** Every step of the series, one after the other. */
  | { readonly kind: 'steps'; readonly series: readonly Series[] }
  /** Runs with faults drawn at random. */
  | { readonly kind: 'random'; readonly groups: readonly FaultGroup[]; readonly only: string | null }
  /** The agent's disk image put back. */
  | { readonly kind: 'rollback' }
  /** The control plane away, and more results than the agent's quota has room for. */
  | { readonly kind: 'outage' };

export interface Mutant {
  /** The rule that is gone. */
  readonly name: string;
  readonly mutation: Mutation;
  readonly hunt: Hunt;
  /** Short enough, and sure enough, for every check-in. */
  readonly short?: boolean;
}

const edit = (file: string, from: string, to: string): Mutation => [{ file, from, to }];
const steps = (program: Series['program'], place: Series['place'], when: Series['when'], kind: JobKindName): Hunt => ({
  kind: 'steps',
  series: [{ program, place, when, kind }],
});
const random = (groups: readonly FaultGroup[], only: string | null): Hunt => ({ kind: 'random', groups, only });

const agentMutants: readonly Mutant[] = [
  {
    name: 'job.accepted only after the job is on disk',
    mutation: edit(
      'agent/job/jobs.ts',
      'const record = this.#add(stored, plan);\n    await this.#ports.journal.commit([',
      'const record = this.#add(stored, plan);\n    void this.#ports.journal.commit([',
    ),
    hunt: steps('agent', 'commit', 'before', 'list_access_keys'),
    short: true,
  },
  {
    name: 'a commit resolves, and row_end leaves, only when it is durable',
    mutation: [
      {
        file: 'agent/io/journal-write.ts',
        from: 'this.#sql.begin.run();',
        to: 'if (this.#database.isTransaction) this.#sql.commit.run(); this.#sql.begin.run();',
      },
      { file: 'agent/io/journal-write.ts', from: 'this.#sql.commit.run();\n      this.#counter', to: 'this.#counter' },
    ],
    hunt: steps('agent', 'commit', 'before', 'list_access_keys'),
  },
  {
    name: 'entries stay until they are acknowledged',
    mutation: edit(
      'agent/job/frame-out.ts',
      'this.#sent = last.sequence;',
      `this.#sent = last.sequence;
       void this.#record.become({ ...this.#record.state, acked: last.sequence, ackedHead: last.head }, [
         { kind: 'entries_acked', job: this.#record.id, through: last.sequence, keepUntil: null }]);`,
    ),
    hunt: steps('plane', 'commit', 'before', 'list_access_keys'),
  },
  {
    name: 'an acknowledgement under another chain head deletes nothing',
    mutation: edit(
      'protocol/agent-job.ts',
      "if (headAt(ack.sequence) !== ack.head) return { kind: 'head_mismatch' };",
      '',
    ),
    hunt: random(['links'], 'forged ack'),
  },
  {
    name: 'the host runs nothing that it does not allow',
    mutation: edit(
      'agent/job/allow-job.ts',
      'if (!isAllowed(connection.allow, action)) return explainRefusal(connection.label, action);',
      '',
    ),
    hunt: steps('agent', 'commit', 'before', 'delete_user'),
  },
  {
    name: 'the intent is durable before a change leaves',
    mutation: edit(
      'agent/job/call.ts',
      'await ports.keepIntent({ call: storedCall(call), record: record as Json });',
      'storedCall(call);',
    ),
    hunt: steps('agent', 'answer', 'before', 'create_user'),
    short: true,
  },
  {
    name: 'a change whose intent is found is read back, not sent again',
    mutation: edit(
      'agent/job/pipeline.ts',
      'if (pending.progress?.intent) return',
      'if (pending.row < 0 && pending.progress?.intent) return',
    ),
    hunt: steps('agent', 'answer', 'before', 'create_access_key'),
  },
  {
    name: 'a change with an ambiguous answer is not repeated',
    mutation: edit(
      'agent/iam/retry.ts',
      "if (verdict === 'ambiguous' && repeat !== 'safe') return { kind: 'stop', exhausted: false };",
      '',
    ),
    hunt: random(['links'], 'aws request'),
    short: true,
  },
  {
    name: 'a change whose outcome is unknown is not reported failed',
    mutation: edit(
      'agent/job/call.ts',
      'if (failure?.outcomeUnknown === true) return readBack(call, record, envelopes[0]?.error ?? failure.code, ports);',
      '',
    ),
    hunt: random(['links'], 'aws request'),
  },
  {
    name: 'the sequence goes on after a restart where it was',
    mutation: edit(
      'agent/job/job-record.ts',
      'let { head, produced: sequence } = this.state;',
      'let { head, acked: sequence } = this.state;',
    ),
    hunt: random(['crashes'], 'agent at random'),
  },
  {
    name: 'results go on after a reconnect behind what is stored',
    mutation: edit(
      'protocol/agent-job.ts',
      "return { kind: 'resume', next, from: next.acked + 1, lost: false, replies };",
      "return { kind: 'resume', next, from: next.produced + 1, lost: false, replies };",
    ),
    hunt: random(['links'], 'strike'),
  },
  {
    name: 'a known job token does not run again',
    mutation: edit('agent/job/verify.ts', 'onKnownToken(job?.state, digest);', 'onKnownToken(undefined, digest);'),
    hunt: random(['links'], 'replayed token'),
  },
  {
    name: 'the marker of a listing is committed with its page',
    mutation: edit(
      'agent/job/job-record.ts',
      'else await this.#append(lines, [], [note]);',
      'else await this.#append(lines, [], []);',
    ),
    hunt: steps('agent', 'commit', 'after', 'list_users'),
    short: true,
  },
  {
    name: 'a row ends in the commit of its row_end',
    mutation: edit(
      'agent/job/job-record.ts',
      "rows.map(({ row }): Change => ({ kind: 'row_ended', job: this.id, row }));",
      '[];',
    ),
    hunt: steps('agent', 'commit', 'after', 'list_access_keys'),
  },
  {
    name: 'the session counter is raised on disk',
    mutation: edit('agent/compose.ts', "await journal.commit([{ kind: 'session_counter', value: counter }]);", ''),
    hunt: random(['crashes'], 'agent at random'),
  },
  {
    name: 'a cancel that comes before its token leaves a tombstone',
    mutation: edit(
      'agent/job/jobs.ts',
      'else if (known === undefined) {',
      'else if (known === undefined && this.#open.size < 0) {',
    ),
    hunt: random(['links'], 'late token'),
  },
  {
    name: 'a change under way is not cancelled, but read back',
    mutation: edit(
      'agent/job/run-job.ts',
      'const unread = pending.filter((row) => !row.progress?.intent);',
      'const unread = pending;',
    ),
    hunt: random(['crashes'], 'cancelled'),
  },
  {
    name: 'a journal that went back in time is quarantined',
    mutation: [
      {
        file: 'protocol/agent-job.ts',
        from: "if (sequence > job.produced) return { kind: 'quarantine', next: quarantine(job) };",
        to: '',
      },
      {
        file: 'protocol/agent-job.ts',
        from: "if (stored !== undefined && head !== stored.head) return { kind: 'quarantine', next: quarantine(job) };",
        to: '',
      },
    ],
    hunt: { kind: 'rollback' },
  },
  {
    name: 'no row starts before the first welcome',
    mutation: edit('agent/agent.ts', 'await jobs.recover();', 'await jobs.recover(); jobs.start();'),
    hunt: { kind: 'rollback' },
  },
  {
    name: 'no row starts while the spool is full',
    mutation: [
      ...edit('agent/job/spool.ts', 'if (bytes < quotaBytes) return false;', 'if (bytes >= 0) return false;'),
      ...edit('agent/job/spool.ts', 'if (this.#places() <= before) {', 'if (before < 0) {'),
    ],
    hunt: { kind: 'outage' },
  },
];

const planeMutants: readonly Mutant[] = [
  {
    name: 'the control plane acknowledges after its commit',
    mutation: edit(
      'control-plane/result-log.ts',
      'await write(tx, batch, context.now());',
      `for (const job of batch.jobs.values())
         link.send({ type: 'results.ack', job: job.wire_id, sequence: job.stored, head: job.head });
       await write(tx, batch, context.now());`,
    ),
    hunt: steps('plane', 'commit', 'before', 'list_access_keys'),
    short: true,
  },
  {
    name: 'the control plane stores only next to what it has',
    mutation: [
      {
        file: 'protocol/control-plane-job.ts',
        from: "if (last <= job.stored) return { kind: 'known' };",
        to: `return { kind: 'store', skip: 0, lost: 0,
          next: { ...job, phase: 'accepted', stored: job.stored + frame.count, head: frame.head } };`,
      },
      { file: 'control-plane/result-log.ts', from: 'frame.first_sequence + skip];', to: 'job.stored + 1];' },
    ],
    hunt: random(['links'], 'frame'),
  },
  {
    name: 'a job is finished only when every entry is stored',
    mutation: edit(
      'protocol/control-plane-job.ts',
      'if (statement.lastSequence !== job.stored || statement.head !== job.head) return null;',
      '',
    ),
    hunt: random(['links'], 'forged ack'),
  },
  {
    name: 'a token is stored before it is sent',
    mutation: edit(
      'control-plane/dispatch.ts',
      'await saveState(tx, job, next, { token: sealed,',
      'this.#send(job, token, null); await saveState(tx, job, next, { token: sealed,',
    ),
    hunt: steps('plane', 'commit', 'before', 'create_user'),
  },
  {
    name: 'one Idempotency-Key makes one job',
    mutation: edit(
      'control-plane/job-intake.ts',
      'if (key !== null) {\n    await tx',
      'if (key === null) {\n    await tx',
    ),
    hunt: steps('plane', 'commit', 'after', 'create_access_key'),
  },
];

export const mutants: readonly Mutant[] = [...agentMutants, ...planeMutants];
