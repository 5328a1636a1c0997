// The filter `groupby`: sorted by an attribute, then cut where it changes; each group is a tuple that also has the names of Jinja2's.
import type { Callable } from './callable.ts';
import { equal, truthy } from './compare.ts';
import { folded, type Key, sorted } from './filters-sequence.ts';
import { follow, path } from './members.ts';
import { list, type TupleValue, type Value } from './value.ts';
import type { Work } from './work.ts';

type Rows = Readonly<Record<string, readonly [string, number, Callable<Value>['run']]>>;

function groups(value: Value, plain: Key, key: Key, work: Work): TupleValue[] {
  const found: { by: Value; members: Value[] }[] = [];
  for (const member of sorted(work.items(value), key, false, work)) {
    const by = key(member);
    const current = found.at(-1);
    if (current !== undefined && equal(current.by, by, work)) current.members.push(member);
    else found.push({ by, members: [member] });
  }
  return found.map(({ members }) => ({
    kind: 'tuple',
    items: [plain(members[0] ?? null), list(members)],
    fields: ['grouper', 'list'],
  }));
}

export const groupFilters: Rows = {
  groupby: [
    'attribute default case_sensitive',
    1,
    (value, [attribute = null, fallback = null, exact = false], { work }) => {
      const parts = path(attribute);
      const plain: Key = (member) => follow(member, parts, work, fallback);
      const key: Key = (member) => folded(plain(member), truthy(exact), work);
      return list(groups(value, plain, key, work));
    },
  ],
};
