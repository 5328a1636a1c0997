// What one row gives: envelopes, then exactly one row_end. An entry is serialised once, by the agent, and travels and is stored as those bytes.
import { z } from 'zod';
import type { Json } from './json.ts';

/**
 * One result as a playbook sees it. Object actions: `{ result, error, has_error }`; list actions: the item's own members plus
 * `error` and `has_error`. Failures add `error_code`.
 */
export type Envelope = { readonly [member: string]: Json } & {
  readonly error: string | null;
  readonly has_error: boolean;
};

/** How a row ended. `unknown`: a call may or may not have been carried out. */
export const rowOutcomes = ['succeeded', 'failed', 'refused', 'cancelled', 'expired', 'stopped', 'unknown'] as const;
export type RowOutcome = (typeof rowOutcomes)[number];

const rowIndex = z.int().nonnegative();

export const envelopeEntrySchema = z.object({
  row: rowIndex,
  /** Index of the item within the row; absent for object actions. */
  item: z.int().nonnegative().exactOptional(),
  envelope: z.looseObject({ error: z.string().nullable(), has_error: z.boolean() }),
});

export const rowEndEntrySchema = z.object({
  row: rowIndex,
  row_end: z.object({ items: z.int().nonnegative(), outcome: z.enum(rowOutcomes) }),
});

export const entrySchema = z.union([rowEndEntrySchema, envelopeEntrySchema]);
export type Entry = z.infer<typeof entrySchema>;
export type RowEndEntry = z.infer<typeof rowEndEntrySchema>;

export function isRowEnd(entry: Entry): entry is RowEndEntry {
  return 'row_end' in entry;
}

/** What an entry means for its row; `outcome` is null for an envelope. */
export interface EntryFacts {
  readonly row: number;
  readonly outcome: RowOutcome | null;
}

/** Null when `value` is no entry. As `entrySchema` has it, which a test holds it to, but without a copy of each envelope. */
export function entryFacts(value: unknown): EntryFacts | null {
  if (!isObject(value) || !isIndex(value['row'])) return null;
  const { row, item, envelope, row_end: end } = value;
  if (isObject(end) && isIndex(end['items']) && isOutcome(end['outcome'])) return { row, outcome: end['outcome'] };
  if (!isObject(envelope) || ('item' in value && !isIndex(item))) return null;
  const { error, has_error: hasError } = envelope;
  return (error === null || typeof error === 'string') && typeof hasError === 'boolean' ? { row, outcome: null } : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

const outcomes: ReadonlySet<unknown> = new Set(rowOutcomes);

function isOutcome(value: unknown): value is RowOutcome {
  return outcomes.has(value);
}

/** The one place that serialises an envelope. */
export function envelopeLine(row: number, item: number | undefined, envelope: Envelope): string {
  return JSON.stringify(item === undefined ? { row, envelope } : { row, item, envelope });
}

export function rowEndLine(row: number, items: number, outcome: RowOutcome): string {
  return JSON.stringify({ row, row_end: { items, outcome } });
}
