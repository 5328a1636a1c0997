import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type EventName, events, screenEvent } from '../../agent/events.ts';

const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const accessKeyId = 'AKIAIOSFODNN7EXAMPLE';
const names = Object.keys(events) as EventName[];

describe('events', () => {
  it('are all emitted somewhere: a table of things that never happen would mislead operators', () => {
    const folder = fileURLToPath(new URL('../../agent', import.meta.url));
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.ts') && name !== 'events.ts',
    );
    const sources = files.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
    expect(names.filter((name) => !sources.includes(`'${name}'`))).to.deep.equal([]);
  });

  it('lets no field through that the row does not name', () => {
    for (const name of names) {
      const screened = screenEvent(name, {
        detail: secret,
        message: secret,
        error: new Error(secret),
        input: { secret },
      });
      expect(screened?.fields, name).to.deep.equal({});
      expect(screened?.dropped, name).to.equal(4);
    }
  });

  it('lets no secret, text or object through in any field of any row', () => {
    const hostile = [
      secret,
      accessKeyId,
      `${secret}\n`,
      'x'.repeat(10_000),
      { toString: () => secret, toJSON: () => secret },
      [secret],
      Number.NaN,
      Number.POSITIVE_INFINITY,
      () => secret,
      Symbol('s'),
      10n,
      null,
    ];
    for (const name of names)
      for (const field of Object.keys(events[name].fields))
        for (const value of hostile) {
          const screened = screenEvent(name, { [field]: value });
          // A label is the operator's own name for a connection, from a checked configuration; it is the one form that free names fit.
          const isLabel = field === 'connection' && value === accessKeyId;
          const isAgent = field === 'agent' && value === accessKeyId;
          if (!isLabel && !isAgent) expect(screened?.fields, `${name}.${field}`).to.deep.equal({});
        }
  });

  it('keeps what a row names, in the order of the row', () => {
    const job = '01981e6c-0000-7000-8000-000000000001';
    const fields = { durationMs: 12.5, code: 'aws_throttled', row: 3, connection: 'prod', job, awsCode: 'Throttling' };
    const screened = screenEvent('call.retried', fields);
    expect(screened).to.deep.equal({ level: 'info', fields, dropped: 0 });
    expect(Object.keys(screened?.fields ?? {})).to.deep.equal([
      'job',
      'connection',
      'row',
      'durationMs',
      'code',
      'awsCode',
    ]);
  });

  it('leaves out an absent fact without counting it, and refuses codes outside the table', () => {
    expect(screenEvent('job.refused', { code: undefined, row: undefined })).to.deep.include({ fields: {}, dropped: 0 });
    expect(screenEvent('job.refused', { code: 'toString' })).to.deep.include({ fields: {}, dropped: 1 });
    expect(screenEvent('job.refused', { code: 'replayed' })?.fields).to.deep.equal({ code: 'replayed' });
  });

  it('knows no event by an inherited name and reads own fields only', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'no.such'])
      expect(screenEvent(name, {})).to.equal(null);
    expect(screenEvent('job.refused', Object.create({ code: 'replayed' }))?.fields).to.deep.equal({});
    expect(screenEvent('job.refused', null)?.fields).to.deep.equal({});
  });

  it('gives every event a name of its domain and a verb, and every row fields of lower camel case', () => {
    for (const name of names) {
      expect(name).to.match(/^[a-z]+\.[a-z_]+$/);
      for (const field of Object.keys(events[name].fields)) expect(field).to.match(/^[a-z][A-Za-z]*$/);
    }
  });
});
