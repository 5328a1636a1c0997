// One row through its steps: what goes into the spool, in which order, and what is durable before a call leaves.
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { systemClock } from '../../../agent/io/clock-system.ts';
import type { CallAnswer, CallRequest } from '../../../agent/iam/iam-caller.ts';
import { allowJob } from '../../../agent/job/allow-job.ts';
import type { PendingRow, RowProgress } from '../../../agent/job/journal.ts';
import { type RowPorts, runRow } from '../../../agent/job/pipeline.ts';
import { Turns } from '../../../agent/job/turns.ts';
import type { Connection } from '../../../agent/connection.ts';
import { isRefusal } from '../../../protocol/error-codes.ts';
import type { JobInputs, JobOptions } from '../../../protocol/job-claims.ts';
import { aConnection, type SeenEntry } from '../../support/job-fixture.ts';
import { answerOf, ScriptedCaller } from '../../support/scripted-caller.ts';

const member = (number: number): string =>
  `<member><UserName>alice</UserName><AccessKeyId>AKIA${number}</AccessKeyId><Status>Active</Status></member>`;
const page = (numbers: readonly number[], marker: string | null): CallAnswer =>
  answerOf(
    'ListAccessKeys',
    `<AccessKeyMetadata>${numbers.map(member).join('')}</AccessKeyMetadata><IsTruncated>${marker !== null}</IsTruncated>${marker === null ? '' : `<Marker>${marker}</Marker>`}`,
  );
const failure: CallAnswer = {
  kind: 'answer',
  status: 404,
  headers: [['Content-Type', 'text/xml']],
  body: '<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>gone</Message></Error><RequestId>r</RequestId></ErrorResponse>',
  attempts: 1,
};

interface Ran {
  /** What happened, in order. */
  readonly log: string[];
  readonly lines: SeenEntry[];
  readonly progress: RowProgress[];
  readonly outcome: string | null;
}

interface Setting {
  readonly action?: string;
  readonly inputs?: JobInputs;
  readonly options?: JobOptions;
  readonly line?: string;
  readonly progress?: RowProgress | null;
  readonly connection?: Partial<Connection>;
  readonly ports?: Partial<RowPorts>;
}

type Script = (request: CallRequest, earlier: number) => CallAnswer | Promise<CallAnswer>;

async function run(script: Script, setting: Setting = {}): Promise<Ran> {
  const request = {
    action: setting.action ?? 'list_access_keys',
    connection: 'main',
    inputs: setting.inputs ?? { Username: '{{ user }}' },
    options: setting.options ?? {},
  };
  const plan = allowJob(request, new Map([['main', { ...aConnection, ...setting.connection }]]));
  if (isRefusal(plan)) throw new Error(plan.detail);
  const [log, lines, progress]: [string[], SeenEntry[], RowProgress[]] = [[], [], []];
  const take = (texts: readonly string[]): void =>
    void lines.push(...texts.map((text) => JSON.parse(text) as SeenEntry));
  const caller = new ScriptedCaller((asked, earlier) => {
    log.push(`call ${asked.operation}`);
    return script(asked, earlier);
  });
  const pending: PendingRow = { row: 4, line: setting.line ?? '{"user":"alice"}', progress: setting.progress ?? null };
  const signal = new AbortController().signal;
  const outcome = await runRow(plan, pending, {
    work: { job: 'job-1' },
    sessionName: 'session',
    caller,
    clock: systemClock(),
    turns: new Turns(),
    events: () => undefined,
    stop: () => null,
    room: () => Promise.resolve(),
    drain: signal,
    signal,
    waits: signal,
    reads: signal,
    sink: {
      progress: (_row, texts, made) => {
        log.push(made.intent === null ? `page of ${texts.length}` : 'intent');
        take(texts);
        progress.push(made);
        return Promise.resolve();
      },
      end: (_row, end) => {
        log.push(`end ${end.outcome} ${end.items}`);
        take(end.lines);
        return Promise.resolve();
      },
    },
    ...setting.ports,
  });
  return { log, lines, progress, outcome };
}

describe('a row', () => {
  it('of a listing commits each page with the marker after it, and ends with the last', async () => {
    const { log, lines, progress } = await run((_request, earlier) =>
      earlier === 0 ? page([1, 2], 'm') : page([3], null),
    );
    expect(log).to.deep.equal(['call ListAccessKeys', 'page of 2', 'call ListAccessKeys', 'end succeeded 3']);
    expect(progress).to.deep.equal([{ items: 2, marker: 'm', intent: null }]);
    expect(lines.map(({ row, item }) => [row, item])).to.deep.equal([
      [4, 0],
      [4, 1],
      [4, 2],
    ]);
  });

  it('of a listing goes on from its marker, numbering on', async () => {
    const asked: unknown[] = [];
    const { lines, log } = await run(
      ({ input }) => {
        asked.push(input['Marker']);
        return page([3], null);
      },
      { progress: { items: 2, marker: 'm', intent: null } },
    );
    expect(asked).to.deep.equal(['m']);
    expect(lines.map(({ item }) => item)).to.deep.equal([2]);
    expect(log.at(-1)).to.equal('end succeeded 3');
  });

  it('of a listing that fails after some items ends with one error, and says so', async () => {
    const { lines, log } = await run((_request, earlier) => (earlier === 0 ? page([1], 'm') : failure));
    expect(log.at(-1)).to.equal('end failed 2');
    expect(lines[1]).to.have.nested.property('envelope.error_code', 'aws_error');
    expect(lines[1]).not.to.have.property('item');
  });

  it('comes to its own deadline while it waits, or between pages, and says what was not done', async () => {
    const options = { row_deadline_seconds: 1 };
    // The limiter's word, when the waits of a call are ended.
    const waiting = await run(
      async ({ waits }) => {
        if (waits?.aborted === false) await new Promise((resolve) => waits.addEventListener('abort', resolve));
        return { kind: 'aborted' };
      },
      { options },
    );
    expect(waiting.log).to.deep.equal(['call ListAccessKeys', 'end failed 1']);
    expect(waiting.lines[0]).to.have.nested.property('envelope.error_code', 'row_deadline');
    expect(waiting.lines[0]?.envelope?.error).to.match(/passed before this call$/);
    const listing = await run(
      async (_request, earlier) => {
        if (earlier === 1) await delay(1_100);
        return page([earlier], `m${earlier}`);
      },
      { options },
    );
    // The page that was under way is taken; the next is not asked for.
    expect(listing.log).to.deep.equal([
      'call ListAccessKeys',
      'page of 1',
      'call ListAccessKeys',
      'page of 1',
      'end failed 3',
    ]);
    expect(listing.lines[2]?.envelope?.error).to.match(
      /before the next page of the listing; the items before it were sent/,
    );
  });

  it('stops between pages when the last start of a call has passed, and when the process drains', async () => {
    const late = await run(() => page([1], 'm'), { ports: { stop: () => 'expired' } });
    expect(late.log).to.deep.equal(['call ListAccessKeys', 'page of 1', 'end expired 2']);
    const drain = new AbortController();
    drain.abort();
    const drained = await run(() => page([1], 'm'), { ports: { drain: drain.signal } });
    expect(drained.outcome).to.equal(null);
    expect(drained.log).to.deep.equal(['call ListAccessKeys', 'page of 1']);
  });

  it('of a change has its intent kept before the call leaves', async () => {
    const inputs = { Username: '{{ user }}', 'Access Key': 'AKIAEXAMPLE000000001', Status: 'Inactive' };
    const { log } = await run(() => answerOf('UpdateAccessKey', null), { action: 'update_access_key', inputs });
    expect(log).to.deep.equal(['intent', 'call UpdateAccessKey', 'end succeeded 1']);
  });

  it('of a change that broke off is read back, not sent again', async () => {
    const broken: CallAnswer = { kind: 'transport', code: 'closed', message: 'broken', ambiguous: true, attempts: 1 };
    const { log, lines } = await run(({ operation }) => (operation === 'CreateAccessKey' ? broken : page([], null)), {
      action: 'create_access_key',
      connection: { readBackSeconds: 0.05 },
    });
    expect(log.filter((step) => step === 'call CreateAccessKey')).to.have.length(1);
    expect(log.indexOf('intent')).to.be.lessThan(log.indexOf('call CreateAccessKey'));
    expect(log.at(-1)).to.equal('end unknown 1');
    expect(lines[0]?.envelope?.error_code).to.equal('outcome_unknown');
  });

  it('calls nothing in a dry run', async () => {
    const { log, lines } = await run(() => failure, { options: { dry_run: true } });
    expect(log).to.deep.equal(['end succeeded 1']);
    expect(lines[0]?.envelope?.result).to.deep.equal({
      DryRun: { Service: 'iam', Operation: 'ListAccessKeys', Input: { UserName: 'alice' } },
    });
  });

  describe('on a connection that marks what it makes', () => {
    const connection = { markCreated: true, readBackSeconds: 0 };
    const inputs = { Username: '{{ user }}', Tags: [{ Key: 'team', Value: 'red' }] };
    const setting: Setting = { action: 'create_user', inputs, connection };
    const marked = [
      { Key: 'team', Value: 'red' },
      { Key: 'iam-agent:job', Value: 'job-1/4' },
    ];

    it('shows the mark in a dry run', async () => {
      const { lines } = await run(() => failure, { ...setting, options: { dry_run: true } });
      expect(lines[0]?.envelope?.result).to.have.nested.property('DryRun.Input.Tags').that.deep.equals(marked);
    });

    it('sends it, and keeps it with the intent', async () => {
      const sent: unknown[] = [];
      const { progress } = await run(({ operation, input }) => {
        if (operation === 'CreateUser') sent.push(input['Tags']);
        return operation === 'CreateUser' ? answerOf('CreateUser', '<User/>') : failure;
      }, setting);
      expect(sent).to.deep.equal([marked]);
      expect(progress[0]?.intent?.call).to.deep.include({ mark: 'job-1/4' });
    });

    it('finds it after a restart', async () => {
      const { progress } = await run(() => failure, setting);
      const answers: Readonly<Record<string, CallAnswer>> = {
        GetUser: answerOf(
          'GetUser',
          '<User><UserName>alice</UserName><UserId>AIDA1</UserId><Path>/</Path><Arn>a</Arn></User>',
        ),
        ListUserTags: answerOf(
          'ListUserTags',
          '<Tags><member><Key>iam-agent:job</Key><Value>job-1/4</Value></member></Tags>',
        ),
      };
      const stored = JSON.parse(JSON.stringify(progress[0])) as RowProgress;
      const { lines, log } = await run(({ operation }) => answers[operation] ?? failure, {
        ...setting,
        progress: stored,
        connection: { markCreated: false, readBackSeconds: 0.05 },
      });
      expect(log).to.deep.equal(['call GetUser', 'call ListUserTags', 'end unknown 1']);
      expect(lines[0]?.envelope?.error)
        .to.contain('the agent stopped before its answer came')
        .and.to.contain("It carries this call's mark: this call made it.");
    });

    it('refuses a row that uses its key, and marks nothing else', async () => {
      const own = { ...inputs, Tags: [{ Key: 'iam-agent:job', Value: '{{ user }}' }] };
      const { lines, outcome } = await run(() => failure, { ...setting, inputs: own });
      expect([outcome, lines[0]?.envelope?.error_code]).to.deep.equal(['refused', 'invalid_input']);
      const dry = await run(() => failure, { ...setting, options: { dry_run: true }, connection: {} });
      expect(dry.lines[0]?.envelope?.result).to.have.nested.property('DryRun.Input.Tags').that.deep.equals(inputs.Tags);
    });
  });

  it('ends failed with result_too_large when an envelope does not fit, and says that AWS answered', async () => {
    const huge = answerOf(
      'ListAccessKeys',
      `<AccessKeyMetadata><member><UserName>${'é'.repeat(300_000)}</UserName></member></AccessKeyMetadata><IsTruncated>false</IsTruncated>`,
    );
    const { lines, outcome } = await run(() => huge);
    expect(outcome).to.equal('failed');
    expect(lines[0]?.envelope).to.include({ error_code: 'result_too_large' });
    expect(lines[0]?.envelope?.error).to.include('AWS answered');
  });

  for (const [what, line, code] of [
    ['is no JSON', '{"user":', 'row_malformed'],
    ['is no object', '[1]', 'row_malformed'],
    ['has a column twice', '{"user":"a","user":"b"}', 'row_malformed'],
    ['is nested too deep', `{"user":${'['.repeat(70)}${']'.repeat(70)}}`, 'row_malformed'],
    ['lacks the column', '{"other":"x"}', 'template_undefined'],
    ['has an empty value', '{"user":""}', 'missing_input'],
    ['has only prototype keys', '{"__proto__":{"user":"x"},"constructor":"y"}', 'template_undefined'],
  ] as const) {
    it(`that ${what} is refused, and nothing is called`, async () => {
      const { log, lines, outcome } = await run(() => failure, { line });
      expect(outcome).to.equal('refused');
      expect(log).to.deep.equal(['end refused 1']);
      expect(lines[0]?.envelope?.error_code).to.equal(code);
    });
  }

  it('may name only roles that the host lists', async () => {
    const inputs = { Username: 'alice', 'Role Arn': '{{ role }}' };
    const line = '{"role":"arn:aws:iam::123456789012:role/other"}';
    const connection = { allowedRoleArns: ['arn:aws:iam::123456789012:role/audit-*'] };
    const { lines, log } = await run(() => failure, { inputs, line, connection });
    expect(lines[0]?.envelope?.error_code).to.equal('role_not_allowed');
    expect(log).to.deep.equal(['end refused 1']);
    const good = await run(() => page([], null), {
      inputs,
      line: '{"role":"arn:aws:iam::123456789012:role/audit-1"}',
      connection,
    });
    expect(good.outcome).to.equal('succeeded');
  });

  it('never reads a reference value of the password kind, whatever the template does', async () => {
    const connection: Partial<Connection> = { referenceValues: [{ name: 'vault', value: 's3cr3t', kind: 'password' }] };
    for (const template of ['{{ vault }}', "{{ 'x' if vault else 'y' }}", '{{ vault|length }}', '{{ [vault] }}']) {
      const { lines } = await run(() => failure, { inputs: { Username: template }, connection });
      expect(lines[0]?.envelope?.error_code, template).to.equal('secret_reference');
      expect(JSON.stringify(lines)).not.to.include('s3cr3t');
    }
  });
});
