// What is noted before a change leaves, so that afterwards what it made can be told from what was there.
import type { PreparedCall } from '../inputs.ts';
import { isFound, idOf } from './judge.ts';
import { type ReadDeps, readItems, readRetryMs } from './read.ts';
import type { BeforeRecord } from './record.ts';
import type { Find, Read } from './rule.ts';
import { readBackOf } from './table.ts';

function wantedBefore(call: PreparedCall): { readonly read: Read; readonly find: Find } | null {
  const rule = readBackOf(call.action.operation);
  switch (rule?.kind) {
    case 'named':
      return { read: rule.read, find: rule.find ?? {} };
    case 'minted':
      return { read: rule.read, find: {} };
    case 'state': {
      const { renames } = rule;
      return renames === undefined || call.input[renames.to] === undefined ? null : { read: renames.before, find: {} };
    }
    case 'tags':
    case 'unreadable':
    case undefined:
      return null;
    default:
      return rule satisfies never;
  }
}

/**
 * To be called, and its answer stored, before a call that is not `repeat: safe`. Null: nothing need be known. It does not stop the call when
 * the read fails: a host may be allowed to create and not to list.
 */
export async function beforeCall(call: PreparedCall, deps: Omit<ReadDeps, 'retryForMs'>): Promise<BeforeRecord | null> {
  const wanted = wantedBefore(call);
  if (wanted === null) return null;
  const { read, find } = wanted;
  const listed = await readItems(read, call.input, call, { ...deps, retryForMs: readRetryMs });
  if (listed.kind === 'failed') return { kind: 'before', ids: null, reason: listed.reason };
  const items = listed.items.filter((item) => isFound(find, call.input, item));
  const { atMs } = listed;
  return { kind: 'before', ids: items.map((item) => idOf(read, item)), ...(atMs === null ? {} : { atMs }) };
}
