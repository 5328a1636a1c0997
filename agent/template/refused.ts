// What Jinja2 has and this agent refuses by name, with the reason. The documentation lists the same names (docs/templates.md).

import { halt } from './value.ts';

export const refusedFilters: ReadonlyMap<string, string> = new Map([
  ['attr', 'it reaches into Python objects'],
  ['pprint', 'it lays out text for a person who debugs'],
  ['random', 'its result differs from run to run'],
  ['urlize', 'it searches texts for links to make HTML'],
]);

export const refusedNames: ReadonlyMap<string, string> = new Map([
  ['lipsum', 'its result differs from run to run'],
  ['self', 'it stands for blocks of a page'],
]);

export const refusedTags: ReadonlyMap<string, string> = new Map([
  ['autoescape', 'inputs are never escaped'],
  ['block', 'it loads another template'],
  ['extends', 'it loads another template'],
  ['from', 'it loads another template'],
  ['import', 'it loads another template'],
  ['include', 'it loads another template'],
  ['do', 'an extension of Jinja2'],
  ['break', 'an extension of Jinja2'],
  ['continue', 'an extension of Jinja2'],
  ['debug', 'an extension of Jinja2'],
  ['trans', 'an extension of Jinja2'],
]);

/** Refuses the name of a filter or a test that came from data. */
export function unknownName(kind: 'filter' | 'test', name: string): never {
  return halt('template_unsupported', `the ${kind} '${name}' is not supported`);
}
