// Entries that were written one after the other share one sealed record: sealing and indexing are paid once for many. A block never grows;
// an acknowledgement that ends inside one cuts it in two.
import { Buffer } from 'node:buffer';
import { limits } from '../../protocol/limits.ts';
import type { StoredEntry } from '../job/journal.ts';
import { JournalError } from './journal-error.ts';
import { entryOf, headCharacters } from './journal-records.ts';

/** Entries that follow on each other, and the length of their lines together. */
export interface Block {
  readonly job: string;
  readonly first: number;
  readonly entries: StoredEntry[];
  characters: number;
}

/** A block is about one frame: what is read back to be sent is read whole. */
export function belongsTo({ job, first, entries, characters }: Block, of: string, { sequence, line }: StoredEntry) {
  const next = job === of && first + entries.length === sequence;
  return next && entries.length < limits.resultsEntries && characters + line.length <= limits.resultsBytes;
}

/** `bytes` are those of the lines alone: the spool quota is counted with them. */
export interface BlockText {
  readonly text: string;
  readonly bytes: number;
}

/** One entry stands alone, as it always did; several follow a line with the length of each, because a line may hold anything. */
export function blockText(entries: readonly StoredEntry[]): BlockText {
  const lengths = entries.map(({ line }) => headCharacters + line.length);
  const parts = entries.length === 1 ? [] : [lengths.join(' '), '\n'];
  for (const { head, line } of entries) parts.push(head, line);
  const text = parts.join('');
  return { text, bytes: lineBytes(text, entries) };
}

/** @throws JournalError `damaged` when `count` or `bytes`, which stand in clear, are not those of the sealed text. */
export function blockEntries(
  text: string,
  { first, count, bytes }: { readonly first: number; readonly count: number; readonly bytes: number },
): readonly StoredEntry[] {
  const texts = count === 1 ? [text] : textsOf(text);
  const entries = texts.map((one, index) => entryOf(first + index, one));
  if (entries.length !== count || lineBytes(text, entries) !== bytes)
    throw new JournalError('damaged', 'the number or the size of entries was changed');
  return entries;
}

/** All but the lines is ASCII. */
function lineBytes(text: string, entries: readonly StoredEntry[]): number {
  const lines = entries.reduce((sum, { line }) => sum + line.length, 0);
  return Buffer.byteLength(text) - (text.length - lines);
}

function textsOf(text: string): string[] {
  const end = text.indexOf('\n');
  let at = end + 1;
  const texts = text
    .slice(0, end)
    .split(' ')
    .map((length) => text.slice(at, (at += Number(length))));
  if (end < 0 || at !== text.length)
    throw new JournalError('damaged', 'a block of entries has a length that it was not written with');
  return texts;
}
