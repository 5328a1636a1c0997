// One row: its items are numbered and counted, and what it says of a change is what AWS did.
import type { Report } from './check.ts';
import type { AskedJob, Effect } from './evidence.ts';

interface Envelope {
  readonly has_error: boolean;
  readonly error: string | null;
  readonly error_code?: string;
  readonly [member: string]: unknown;
}

export interface Entry {
  readonly row: number;
  readonly item?: number;
  readonly envelope?: Envelope;
  readonly row_end?: { readonly items: number; readonly outcome: string };
}

export interface RowSeen {
  readonly envelopes: Entry[];
  end: { readonly items: number; readonly outcome: string } | null;
}

interface RowContext {
  readonly effects: readonly Effect[];
  readonly report: Report;
}

export function checkRow(asked: AskedJob, index: number, seen: RowSeen, context: RowContext): void {
  const row: Report = (rule, _row, detail) =>
    context.report(rule, index, `${asked.action} ${asked.rows[index]?.marker}: ${detail}`);
  checkNumbers(seen, row);
  if (asked.changes === null) checkRead(asked, index, seen, row);
  else checkChange(asked, index, seen, { effects: context.effects, report: row });
  const last = seen.envelopes.at(-1)?.envelope;
  if (seen.end?.outcome === 'unknown' && last?.error_code !== 'outcome_unknown')
    row('unknown is not said', null, `its last envelope has the code ${String(last?.error_code)}`);
}

/** Items are numbered 0, 1, 2 … and row_end counts every envelope. */
function checkNumbers({ envelopes, end }: RowSeen, report: Report): void {
  const items = envelopes.flatMap(({ item }) => (item === undefined ? [] : [item]));
  const expected = items.map((_, place) => place);
  if (items.join(',') !== expected.join(',')) report('item numbers', null, items.join(','));
  if (end !== null && end.items !== envelopes.length)
    report('item count', null, `row_end says ${end.items}, there are ${envelopes.length}`);
}

/** What a read gives is what AWS holds: all of it when the row succeeded, the beginning of it otherwise. */
function checkRead(asked: AskedJob, index: number, { envelopes, end }: RowSeen, report: Report): void {
  const { itemName } = asked;
  const wanted = asked.rows[index]?.items ?? [];
  if (itemName === null) return;
  const found = envelopes.flatMap(({ envelope }) =>
    envelope?.has_error === false ? [String(envelope[itemName])] : [],
  );
  const expected = end?.outcome === 'succeeded' ? wanted : wanted.slice(0, found.length);
  if (found.join(' ') !== expected.join(' '))
    report('content', null, `found ${found.join(' ') || 'nothing'}; AWS holds ${expected.join(' ') || 'nothing'}`);
}

function checkChange(asked: AskedJob, index: number, seen: RowSeen, { effects, report }: RowContext): void {
  const outcome = seen.end?.outcome ?? 'no row_end';
  const foreign = effects.filter(({ operation }) => operation !== asked.changes);
  if (foreign.length > 0)
    report('effect of another operation', null, foreign.map(({ operation }) => operation).join(' '));
  const numbers = effects.map(({ n }) => n).join(' ');
  if (effects.length > 1) report('done twice', null, `effects ${numbers}; the row ended ${outcome}`);
  if (outcome === 'succeeded' && effects.length === 0) report('succeeded without an effect', null, 'AWS did nothing');
  if (outcome === 'succeeded' && effects.some(({ answered }) => !answered))
    report('success that AWS did not tell', null, 'its answer was cut');
  const mayHave = outcome === 'succeeded' || outcome === 'unknown' || outcome === 'no row_end';
  if (!mayHave && effects.length > 0) report('effect not told', null, `effects ${numbers}; the row ended ${outcome}`);
  if (outcome === 'succeeded') checkMade(seen, effects, report);
  if (outcome === 'succeeded' && asked.rows[index]?.absent === true) report('content', null, 'there is no such user');
}

/** The result of a create names what AWS made. */
function checkMade({ envelopes }: RowSeen, effects: readonly Effect[], report: Report): void {
  const made = effects[0]?.made ?? null;
  if (made === null) return;
  if (!JSON.stringify(envelopes[0]?.envelope ?? null).includes(JSON.stringify(made)))
    report('content', null, `AWS made ${made}; the result does not name it`);
}
