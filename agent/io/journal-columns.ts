// Reads columns of a result row as the type they must have. A damaged file can give any type, so nothing is believed.
import { JournalError } from './journal-error.ts';

export type ResultRow = Readonly<Record<string, unknown>> | undefined;

function damaged(column: string): JournalError {
  return new JournalError('damaged', `the column ${column} has a value that was never written there`);
}

export function integerOf(row: ResultRow, column: string): number {
  const value = row?.[column];
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw damaged(column);
  return value;
}

export function optionalIntegerOf(row: ResultRow, column: string): number | null {
  return row?.[column] === null ? null : integerOf(row, column);
}

export function textOf(row: ResultRow, column: string): string {
  const value = row?.[column];
  if (typeof value !== 'string') throw damaged(column);
  return value;
}

export function blobOf(row: ResultRow, column: string): Uint8Array {
  const value = row?.[column];
  if (!(value instanceof Uint8Array)) throw damaged(column);
  return value;
}
