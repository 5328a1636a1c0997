// One line of a result stream, as the commands show and count it. Numbers keep their source text.
import type { Json } from '../protocol/json.ts';
import { isRawNumber, parseJson } from '../protocol/json.ts';
import { type RowOutcome, rowOutcomes } from '../protocol/result-envelope.ts';

export interface JsonObject {
  readonly [member: string]: Json;
}

export interface EnvelopeEntry {
  readonly kind: 'envelope';
  readonly row: number;
  readonly item: number | null;
  readonly envelope: JsonObject;
  readonly failed: boolean;
}

interface RowEnd {
  readonly kind: 'row_end';
  readonly row: number;
  readonly outcome: RowOutcome;
}

export type ShownEntry = EnvelopeEntry | RowEnd;

export function isObject(value: Json | undefined): value is { [member: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value);
}

/** Null when the line is no entry. */
export function readEntry(line: string): ShownEntry | null {
  const entry = parsed(line);
  if (!isObject(entry) || typeof entry['row'] !== 'number') return null;
  const { row, item, envelope, row_end: rowEnd } = entry;
  if (isObject(rowEnd)) {
    const outcome = rowOutcomes.find((known) => known === rowEnd['outcome']);
    return outcome === undefined ? null : { kind: 'row_end', row, outcome };
  }
  if (!isObject(envelope) || typeof envelope['has_error'] !== 'boolean') return null;
  if (item !== undefined && typeof item !== 'number') return null;
  return { kind: 'envelope', row, item: item ?? null, envelope, failed: envelope['has_error'] };
}

function parsed(line: string): Json {
  try {
    return parseJson(line);
  } catch {
    return null;
  }
}
