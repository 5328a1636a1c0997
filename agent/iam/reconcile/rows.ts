// Makes the rows of the table: what is common to many of them.
import { named } from './reads.ts';
import type { Expected, Find, Read, ReadBack } from './rule.ts';

export type Equal = Readonly<Record<string, Expected>>;

export const there = (what: string, read: Read, find: Find = {}, equal: Equal = {}): ReadBack => ({
  kind: 'state',
  wanted: 'there',
  what,
  read,
  find,
  equal,
});
export const gone = (what: string, read: Read, find: Find = {}): ReadBack => ({
  kind: 'state',
  wanted: 'gone',
  what,
  read,
  find,
});
export const made = (what: string, read: Read, find: Find = {}, mark?: Read): ReadBack => ({
  kind: 'named',
  what,
  read,
  find,
  ...(mark === undefined ? {} : { mark }),
});
export const renamed = (member: string, read: Read, what: string, path = 'Path'): ReadBack => ({
  kind: 'state',
  wanted: 'there',
  what: `${what} {New${member}|${member}}`,
  read: named(read, { [member]: `{New${member}|${member}}` }),
  equal: { [path]: 'NewPath' },
  renames: { to: `New${member}`, before: read },
});

/** Its own id within a list. */
export const by = (...members: string[]): Find => Object.fromEntries(members.map((member) => [member, `{${member}}`]));

export const lostSecret = (what: string): string =>
  `Its secret is lost: delete the ${what} if nobody else made it, then create another.`;
export const harmless = (what: string): string =>
  `If nobody else made it, the ${what} is what was asked for: do not ask again.`;
