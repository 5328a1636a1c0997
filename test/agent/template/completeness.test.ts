// Everything that Jinja2 itself defines is either supported, and then occurs in the corpus, or refused by name, and then stands in the
// documentation: code, page and corpus cannot drift apart.
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { compileTemplate } from '../../../agent/template/template.ts';
import { isRefusal } from '../../../protocol/error-codes.ts';
import { type JinjaNames, jinja2Names } from '../../support/jinja2.ts';
import { corpusTemplates } from './corpus/corpus.ts';

const page = readFileSync(new URL('../../../docs/templates.md', import.meta.url), 'utf8');

/** The names in code marks of one item, such as `- **Filters:** ...`, in a section of the page. */
function listed(title: string, item: string): ReadonlySet<string> {
  const section = page.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '';
  const text = section.split(`\n- **${item}:**`)[1]?.split(/\n- |\n\n/)[0];
  if (text === undefined) throw new Error(`docs/templates.md has no item '${item}' under '${title}'`);
  return new Set([...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name));
}

interface Kind {
  readonly use: (name: string) => string;
  /** Finds a use in a template of the corpus. */
  readonly occurs: (name: string) => RegExp;
}

const escaped = (name: string): string => name.replace(/[<>=!]/g, '\\$&');
const bodies: Readonly<Record<string, string>> = {
  for: '{% for x in y %}{% endfor %}',
  if: '{% if x %}{% endif %}',
  set: '{% set x = y %}',
  raw: '{% raw %}{% endraw %}',
  macro: '{% macro x() %}{% endmacro %}',
  call: '{% macro x() %}{% endmacro %}{% call x() %}{% endcall %}',
  filter: '{% filter upper %}{% endfilter %}',
  with: '{% with %}{% endwith %}',
  print: '{% print x %}',
};
const kinds: Readonly<Record<keyof JinjaNames, Kind>> = {
  filters: {
    use: (name) => `{{ x|${name}(1, 2) }}`,
    occurs: (name) => new RegExp(`\\|\\s*${name}\\b|filter ${name}\\b|map\\('${name}'`),
  },
  tests: {
    // The tests that are signs have no name after `is`: they are named in a text.
    use: (name) => (/^\w/.test(name) ? `{{ x is ${name}(1) }}` : `{{ x|select('${name}', 1) }}`),
    occurs: (name) =>
      new RegExp(`\\bis (?:not )?${escaped(name)}\\b|(?:select|reject)(?:attr)?\\([^)]*'${escaped(name)}'`),
  },
  functions: { use: (name) => `{{ ${name}(1) }}`, occurs: (name) => new RegExp(`\\b${name}\\(`) },
  tags: { use: (name) => bodies[name] ?? `{% ${name} %}`, occurs: (name) => new RegExp(`\\{%[-+]?\\s*${name}\\b`) },
};

function refusalOf(source: string): string | null {
  const compiled = compileTemplate(source);
  return isRefusal(compiled) ? `${compiled.code}: ${compiled.detail}` : null;
}

describe('everything that Jinja2 defines', () => {
  for (const [kind, { use, occurs }] of Object.entries(kinds))
    it(`${kind} are supported and in the corpus, or refused by name and in the documentation`, () => {
      const names = jinja2Names()[kind as keyof JinjaNames];
      expect(names.length).to.be.at.least(6);
      const item = kind.slice(0, 1).toUpperCase() + kind.slice(1);
      const [supported, refused] = [listed('Supported', item), listed('Refused', item)];
      const wrong = names.flatMap((name) => {
        const refusal = refusalOf(use(name));
        const faults =
          refusal === null
            ? [
                supported.has(name) ? [] : ['is not under Supported'],
                refused.has(name) ? ['is under Refused'] : [],
                corpusTemplates.some((template) => occurs(name).test(template)) ? [] : ['is not in the corpus'],
              ].flat()
            : [
                refusal.startsWith('template_unsupported:') && refusal.includes(`'${name}'`) ? [] : [refusal],
                refused.has(name) ? [] : ['is not under Refused'],
              ].flat();
        return faults.map((fault) => `${name} ${fault}`);
      });
      expect(wrong).to.deep.equal([]);
    });
});
