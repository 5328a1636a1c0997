// The table of all filters. A name that is not in it is refused when the template is compiled.
import { type Callable, table } from './callable.ts';
import { groupFilters } from './filters-group.ts';
import { htmlFilters } from './filters-html.ts';
import { sequenceFilters } from './filters-sequence.ts';
import { textFilters } from './filters-text.ts';
import type { Value } from './value.ts';

const named = table<Value>({ ...textFilters, ...htmlFilters, ...groupFilters, ...sequenceFilters });
const aliases = { d: 'default', e: 'escape', count: 'length' };

export const filters: ReadonlyMap<string, Callable<Value>> = new Map([
  ...named,
  ...Object.entries(aliases).flatMap(([alias, name]) => {
    const filter = named.get(name);
    return filter === undefined ? [] : [[alias, filter] as const];
  }),
]);
