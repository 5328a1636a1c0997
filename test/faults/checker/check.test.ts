// The checker must be able to fail: evidence with one thing wrong, for each thing that it proves.
import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { check } from './check.ts';
import type { StoredJob } from './evidence.ts';
import { end, envelope, error, evidenceOf, item, jws, type Sample, sample, storedJob } from './sample.ts';
import { thumbprint } from './statement.ts';

function rulesOf(change: (made: Sample) => void): string[] {
  const made = sample();
  change(made);
  return [...new Set(check(evidenceOf(made)).violations.map(({ rule }) => rule))].sort();
}

/** Job 1 with these lines, all of it signed anew: only the lines are wrong. */
function lines(made: Sample, ...those: string[]): void {
  made.stored[0] = storedJob(made, 'job-1', those);
}

function change(made: Sample, index: number, to: (job: StoredJob) => Partial<StoredJob>): void {
  const job = made.stored[index];
  if (job !== undefined) made.stored[index] = { ...job, ...to(job) };
}

const good = {
  a: [envelope(0, { result: { AccessKey: { AccessKeyId: 'AKIA1' } } }), end(0, 1, 'succeeded')],
  b: [error(1, 'outcome_unknown'), end(1, 1, 'unknown')],
  c: [error(2, 'aws_error'), end(2, 1, 'failed')],
};

const wrong: readonly (readonly [what: string, rule: string, change: (made: Sample) => void])[] = [
  ['a row without row_end', 'row without an end', (made) => lines(made, ...good.a, ...good.b)],
  ['two row_ends', 'second row_end', (made) => lines(made, ...good.a, ...good.b, ...good.c, end(0, 1, 'succeeded'))],
  [
    'an entry after row_end',
    'entry after row_end',
    (made) => lines(made, ...good.a, ...good.b, ...good.c, error(0, 'x')),
  ],
  [
    'a row that nobody asked for',
    'row that was not asked',
    (made) => lines(made, ...good.a, ...good.b, ...good.c, end(9, 0, 'failed')),
  ],
  [
    'a wrong number of items',
    'item count',
    (made) => lines(made, ...good.a, ...good.b, error(2, 'aws_error'), end(2, 2, 'failed')),
  ],
  [
    'a gap in the items',
    'item numbers',
    (made) =>
      (made.stored[1] = storedJob(made, 'job-2', [item(0, 0, 'd.0'), item(0, 2, 'd.1'), end(0, 2, 'succeeded')])),
  ],
  [
    'an item twice',
    'item numbers',
    (made) =>
      (made.stored[1] = storedJob(made, 'job-2', [item(0, 0, 'd.0'), item(0, 0, 'd.0'), end(0, 2, 'succeeded')])),
  ],
  [
    'a listing that lacks an item',
    'content',
    (made) => (made.stored[1] = storedJob(made, 'job-2', [item(0, 0, 'd.0'), end(0, 1, 'succeeded')])),
  ],
  [
    'a cut listing with another item',
    'content',
    (made) =>
      (made.stored[1] = storedJob(made, 'job-2', [item(0, 0, 'd.1'), error(0, 'aws_error'), end(0, 2, 'failed')])),
  ],
  [
    'a gap in the sequence',
    'sequence',
    (made) => change(made, 0, ({ entries }) => ({ entries: entries.filter(({ sequence }) => sequence !== 3) })),
  ],
  [
    'entries in another order',
    'chain',
    (made) =>
      change(made, 0, ({ entries }) => ({
        entries: entries.map((entry, at) => ({ ...entry, line: entries[at ^ 1]?.line ?? '' })),
      })),
  ],
  [
    'a changed entry',
    'chain',
    (made) =>
      change(made, 1, ({ entries }) => ({
        entries: entries.map((entry) => ({ ...entry, line: entry.line.replace('d.1', 'd.2') })),
      })),
  ],
  ['a store with another head', 'chain', (made) => change(made, 0, () => ({ head: 'f'.repeat(64) }))],
  [
    'a statement over another head',
    'last word',
    (made) => (made.stored[0] = storedJob(made, 'job-1', [...good.a, ...good.b, ...good.c], { head: 'f'.repeat(64) })),
  ],
  [
    'a statement with other counts',
    'last word',
    (made) =>
      (made.stored[0] = storedJob(made, 'job-1', [...good.a, ...good.b, ...good.c], { rows: { succeeded: 3 } })),
  ],
  [
    'a statement of another job',
    'last word',
    (made) => change(made, 0, () => ({ statement: made.stored[1]?.statement ?? null })),
  ],
  ['a statement for another token', 'last word', (made) => change(made, 0, () => ({ tokenDigest: 'another' }))],
  [
    'a statement by another key',
    'last word',
    (made) => change(made, 0, () => ({ statement: sample().stored[0]?.statement ?? null })),
  ],
  [
    'a signed object of another type',
    'last word',
    (made) =>
      change(made, 0, () => ({
        statement: jws({}, { typ: 'iam-agent-job+jws', kid: thumbprint(made.parties.agentKey) }, made.key),
      })),
  ],
  [
    'a tombstone of a job that is not cancelled',
    'last word',
    (made) => (made.stored[0] = storedJob(made, 'job-1', [], { token_digest: null })),
  ],
  ['entries without a statement', 'no last word', (made) => change(made, 0, () => ({ statement: null }))],
  ['lost results', 'results lost', (made) => change(made, 0, () => ({ resultsLost: 1 }))],
  ['a job that did not end', 'not ended as it may', (made) => change(made, 0, () => ({ status: 'running' }))],
  ['a job that nobody knows', 'job lost', (made) => made.stored.shift()],
  ['a change done twice', 'done twice', (made) => made.effects.push({ ...made.effects[0]!, n: 3 })],
  ['a change of unknown outcome done twice', 'done twice', (made) => made.effects.push({ ...made.effects[1]!, n: 3 })],
  ['a success that AWS did not carry out', 'succeeded without an effect', (made) => made.effects.shift()],
  [
    'a failure that AWS carried out',
    'effect not told',
    (made) => made.effects.push({ ...made.effects[0]!, n: 3, marker: 'c' }),
  ],
  [
    'a success whose answer was cut',
    'success that AWS did not tell',
    (made) => (made.effects[0] = { ...made.effects[0]!, answered: false }),
  ],
  [
    'a change that nobody asked for',
    'effect without a row',
    (made) => made.effects.push({ ...made.effects[0]!, n: 3, marker: 'z' }),
  ],
  [
    'another change than asked',
    'effect of another operation',
    (made) => (made.effects[0] = { ...made.effects[0]!, operation: 'DeleteUser' }),
  ],
  ['a result that names another key', 'content', (made) => (made.effects[0] = { ...made.effects[0]!, made: 'AKIA9' })],
  [
    'unknown without its code',
    'unknown is not said',
    (made) => lines(made, ...good.a, error(1, 'aws_error'), end(1, 1, 'unknown'), ...good.c),
  ],
  [
    'effects of a job that the host refused',
    'effect of a job that does not run',
    (made) => (made.asked[0] = { ...made.asked[0]!, refused: true }),
  ],
  [
    'effects of a job that was never signed',
    'effect of a job that does not run',
    (made) => change(made, 0, () => ({ statement: null, entries: [], lastSequence: 0 })),
  ],
  [
    'effects of a job that was cancelled before it came',
    'effect not told',
    (made) => {
      made.asked[0] = { ...made.asked[0]!, statuses: ['cancelled'] };
      made.stored[0] = storedJob(made, 'job-1', [...good.a, error(1, 'cancelled'), end(1, 1, 'cancelled'), ...good.c], {
        status: 'cancelled',
      });
    },
  ],
];

describe('the checker of the fault suite', () => {
  it('finds nothing in good evidence', () => {
    const { violations, ...counts } = check(evidenceOf(sample()));
    expect(violations).to.deep.equal([]);
    const outcomes = { succeeded: 2, unknown: 1, failed: 1 };
    expect(counts).to.deep.equal({ jobs: 2, rows: 4, entries: 9, effects: 2, cut: 1, outcomes });
  });

  it('takes a tombstone, and a job that was never signed', () => {
    const made = sample();
    made.asked = made.asked.map((job) => ({ ...job, statuses: ['cancelled'] }));
    made.effects = [];
    made.stored = [
      storedJob(made, 'job-1', [], { token_digest: null, status: 'cancelled' }),
      { ...storedJob(made, 'job-2', []), status: 'cancelled', statement: null },
    ];
    expect(check(evidenceOf(made)).violations).to.deep.equal([]);
  });

  for (const [what, rule, spoil] of wrong) {
    it(`sees ${what}`, () => {
      expect(rulesOf(spoil)).to.include(rule);
    });
  }

  it('knows nothing of the programs', () => {
    const sources = readdirSync(import.meta.dirname).filter((name) => !name.endsWith('.test.ts'));
    expect(sources.length).to.be.above(4);
    for (const name of sources) {
      const text = readFileSync(join(import.meta.dirname, name), 'utf8');
      expect(text, name).not.to.match(/from '(?:\.\.\/)+(?:agent|control-plane|protocol|terminal)\//);
    }
  });
});
