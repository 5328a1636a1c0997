// One row through its steps: what goes into the spool, in which order, and what is durable before a call leaves.
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { CallAnswer } from '../../../agent/iam/iam-caller.ts';
import type { Connection } from '../../../agent/connection.ts';
import { answerOf } from '../../support/scripted-caller.ts';
import { failure, run } from '../../support/row-run.ts';

const member = (number: number): string =>
  `<member><UserName>alice</UserName><AccessKeyId>AKIA${number}</AccessKeyId><Status>Active</Status></member>`;
const page = (numbers: readonly number[], marker: string | null): CallAnswer =>
  answerOf(
    'ListAccessKeys',
    `<AccessKeyMetadata>${numbers.map(member).join('')}</AccessKeyMetadata><IsTruncated>${marker !== null}</IsTruncated>${marker === null ? '' : `<Marker>${marker}</Marker>`}`,
  );
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
