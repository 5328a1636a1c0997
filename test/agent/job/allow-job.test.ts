// May this host run this job at all: the order of the questions, and that nothing of a job gets past them.
import { expect } from 'chai';
import type { Connection } from '../../../agent/connection.ts';
import { allowJob } from '../../../agent/job/allow-job.ts';
import { allowRow } from '../../../agent/job/allow-row.ts';
import type { JobRequest } from '../../../agent/job/plan.ts';
import { renderRow } from '../../../agent/job/render.ts';
import { isRefusal } from '../../../protocol/error-codes.ts';
import { parseJson, stringifyJson } from '../../../protocol/json.ts';
import { aConnection } from '../../support/job-fixture.ts';

const connections = (change: Partial<Connection> = {}): ReadonlyMap<string, Connection> =>
  new Map([['main', { ...aConnection, ...change }]]);
const request = (change: Partial<JobRequest> = {}): JobRequest => ({
  action: 'list_access_keys',
  connection: 'main',
  inputs: { Username: '{{ user }}' },
  options: {},
  ...change,
});
const codeOf = (value: unknown): string => (isRefusal(value) ? value.code : 'allowed');

function planOf(change: Partial<JobRequest> = {}, connection: Partial<Connection> = {}) {
  const plan = allowJob(request(change), connections(connection));
  if (isRefusal(plan)) throw new Error(plan.detail);
  return plan;
}

describe('a job at the door', () => {
  it('is refused for the first thing that is wrong', () => {
    const bad = { Username: '{{', Nobody: 'x' };
    const none = { allow: [] };
    const asked: [string, Partial<JobRequest>, Partial<Connection>][] = [
      ['unknown_connection', { connection: 'elsewhere', action: 'nothing', inputs: bad }, none],
      ['unknown_action', { action: 'nothing', inputs: bad }, none],
      ['action_not_allowed', { inputs: bad }, none],
      ['unknown_input', { inputs: bad }, {}],
      ['missing_input', { inputs: {} }, {}],
      ['template_syntax', { inputs: { Username: '{{' } }, {}],
      ['allowed', {}, {}],
    ];
    for (const [code, change, connection] of asked)
      expect(codeOf(allowJob(request(change), connections(connection)))).to.equal(code);
  });

  it('is not fooled by names that every object has', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      expect(codeOf(allowJob(request({ connection: name }), connections())), name).to.equal('unknown_connection');
      expect(codeOf(allowJob(request({ action: name }), connections())), name).to.equal('unknown_action');
      const inputs = { Username: 'x', ...(JSON.parse(`{"${name}":"x"}`) as Record<string, string>) };
      expect(codeOf(allowJob(request({ inputs }), connections())), name).to.equal('unknown_input');
    }
  });

  it('names the input whose template is wrong, and the labels that it could have meant', () => {
    const wrong = allowJob(request({ inputs: { Username: '{% for %}' } }), connections());
    expect(isRefusal(wrong) && wrong.detail).to.match(/^input "Username": /);
    const elsewhere = allowJob(
      request({ connection: 'x' }),
      new Map([...connections(), ['b', aConnection], ['a', aConnection]]),
    );
    expect(isRefusal(elsewhere) && elsewhere.detail).to.include('a, b, main');
  });

  it('keeps the password kind of reference values out of what templates may read', () => {
    const plan = planOf(
      {},
      {
        referenceValues: [
          { name: 'partition', value: 'aws-cn', kind: 'text' },
          { name: 'external_id', value: 'open-sesame', kind: 'password' },
        ],
      },
    );
    expect(plan.references).to.deep.equal({ partition: 'aws-cn' });
    expect(JSON.stringify({ ...plan, connection: null })).not.to.include('open-sesame');
    expect([...plan.secretNames]).to.deep.equal(['external_id']);
  });
});

describe('a row at the door', () => {
  const role = (name: string): string => `arn:aws:iam::123456789012:role/${name}`;
  const inputs = { Username: '{{ user }}', 'Role Arn': '{{ role }}' };

  it('may take no role but those that the host lists, whatever it calls itself', () => {
    const plan = planOf({ inputs }, { allowedRoleArns: [role('audit-*')] });
    const codes = [role('audit-1'), role('admin'), ` ${role('admin')} `, role('audit-1').toUpperCase(), ''].map(
      (name) => {
        const call = renderRow(plan, JSON.stringify({ user: 'alice', role: name }));
        return codeOf(isRefusal(call) ? call : allowRow(plan, call));
      },
    );
    expect(codes).to.deep.equal(['allowed', 'role_not_allowed', 'role_not_allowed', 'invalid_input', 'allowed']);
  });

  it('keeps the columns apart from the templates: what a column says is never rendered', () => {
    const plan = planOf();
    const call = renderRow(plan, JSON.stringify({ user: '{{ 7 * 7 }}{% raw %}' }));
    expect(isRefusal(call) ? call.detail : call.input).to.deep.equal({ UserName: '{{ 7 * 7 }}{% raw %}' });
  });

  it('keeps numbers as they are written', () => {
    for (const number of ['9007199254740993', '12345678901234567890', '1.0']) {
      const call = renderRow(planOf(), `{"user":${number}}`);
      const shown = isRefusal(call) ? call.detail : stringifyJson({ ...call.input });
      expect(shown, number).to.include(number);
    }
  });

  it('that is hostile is refused in words that do not repeat it, and quickly', () => {
    const nested = `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`;
    const rows = [
      '{"user":"a","us\\u0065r":"b"}',
      nested,
      '['.repeat(200_000),
      '{"user":',
      '7',
      'null',
      '1e400',
      '{"a":1}x',
    ];
    const startedMs = performance.now();
    for (const row of rows) {
      const refused = renderRow(planOf(), row);
      expect(codeOf(refused), row.slice(0, 40)).to.equal('row_malformed');
      expect(isRefusal(refused) && refused.detail.length).to.be.lessThan(200);
    }
    expect(performance.now() - startedMs).to.be.lessThan(5_000);
    for (const name of ['__proto__', 'constructor', 'prototype']) {
      const refused = renderRow(planOf(), `{"${name}":{"user":"mallory"}}`);
      expect(codeOf(refused), name).to.equal('template_undefined');
      expect(({} as Record<string, unknown>)['user'], name).to.equal(undefined);
    }
    expect(parseJson('1e400')).to.be.an('object');
  });
});
