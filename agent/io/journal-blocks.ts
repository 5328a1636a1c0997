// Entries that were written one after the other share one sealed record: sealing and indexing are paid once for many. A block never grows;
// an acknowledgement that ends inside one cuts it in two.
import { Buffer } from 'node:buffer';
import { limits } from '../../protocol/limits.ts';
import { JournalError } from './journal-error.ts';
import { entryOf } from './journal-records.ts';

/** An entry as it is stored: its head and its line in one text. */
export interface BlockEntry {
  readonly text: string;
  /** Of the line alone: the spool quota is counted with it. */
  readonly bytes: number;
}

/** A block is about one frame: what is read back to be sent is read whole. */
export function hasRoom(block: { readonly entries: readonly BlockEntry[]; readonly bytes: number }, bytes: number) {
  return block.entries.length < limits.resultsEntries && block.bytes + bytes <= limits.resultsBytes;
}

export const bytesOf = (entries: readonly BlockEntry[]): number => entries.reduce((sum, { bytes }) => sum + bytes, 0);

/** One entry stands alone, as it always did; several follow a line with the length of each, because a line may hold anything. */
export function blockText(entries: readonly BlockEntry[]): string {
  const texts = entries.map(({ text }) => text);
  return texts.length === 1 ? texts.join('') : `${texts.map(({ length }) => length).join(' ')}\n${texts.join('')}`;
}

/** @throws JournalError `damaged` when `count` or `bytes`, which stand in clear, are not those of the sealed text. */
export function blockEntries(text: string, { count, bytes }: { count: number; bytes: number }): readonly BlockEntry[] {
  const texts = count === 1 ? [text] : textsOf(text);
  const entries = texts.map((one) => ({ text: one, bytes: Buffer.byteLength(entryOf(0, one).line) }));
  if (entries.length !== count || bytesOf(entries) !== bytes)
    throw new JournalError('damaged', 'the number or the size of entries was changed');
  return entries;
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
