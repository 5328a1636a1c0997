// What each change of the catalogue is read back with. One row each; a test holds the rows against the catalogue.
import type { ReadBack } from './rule.ts';
import { account } from './table-account.ts';
import { credentials } from './table-credentials.ts';
import { identities } from './table-identities.ts';

const rows: ReadonlyMap<string, ReadBack> = new Map(Object.entries({ ...credentials, ...identities, ...account }));

/** By the operation's name; undefined for one that changes nothing. */
export function readBackOf(operation: string): ReadBack | undefined {
  return rows.get(operation);
}
