// The real Jinja2 beside ours: many templates in one process of Python, and the comparison of what both say.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { compileTemplate, renderTemplate } from '../../agent/template/template.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import { type Json, parseJson } from '../../protocol/json.ts';
import { pythonPath } from './python.ts';

type Answer = { readonly ok: string } | { readonly error: string };

/** A template and the JSON text of its row. */
export interface Case {
  readonly template: string;
  readonly row: string;
}

export interface Difference {
  readonly template: string;
  readonly wanted: Answer | undefined;
  readonly found: Answer;
}

/** The names that Jinja2 itself defines. */
export interface JinjaNames {
  readonly filters: readonly string[];
  readonly tests: readonly string[];
  readonly functions: readonly string[];
  readonly tags: readonly string[];
}

function ask(lines: readonly string[]): readonly unknown[] {
  const script = fileURLToPath(new URL('./jinja-oracle.py', import.meta.url));
  const input = lines.map((line) => `${line}\n`).join('');
  const run = spawnSync(pythonPath(), [script], { input, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 });
  if (run.status !== 0) throw new Error(`the oracle failed: ${run.stderr}`);
  return run.stdout
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
}

export function jinja2Names(): JinjaNames {
  const [names] = ask(['{"names": true}']) as readonly (JinjaNames | undefined)[];
  if (names === undefined) throw new Error('the oracle said nothing');
  return names;
}

function ours({ template, row }: Case): Answer {
  const compiled = compileTemplate(template);
  if (isRefusal(compiled)) return { error: `${compiled.code}: ${compiled.detail}` };
  const scope = { row: parseJson(row) as Record<string, Json>, references: {}, secretNames: new Set<string>() };
  const rendered = renderTemplate(compiled, scope);
  return isRefusal(rendered) ? { error: `${rendered.code}: ${rendered.detail}` } : { ok: rendered };
}

const agree = (wanted: Answer | undefined, found: Answer): boolean =>
  wanted !== undefined && ('ok' in wanted ? 'ok' in found && found.ok === wanted.ok : 'error' in found);

/** What ours says to each case, and every case where the real Jinja2 says something else. */
export function compareWithJinja2(cases: readonly Case[]): { found: readonly Answer[]; differences: Difference[] } {
  const answers = ask(
    cases.map(({ template, row }) => `{"template":${JSON.stringify(template)},"row":${row.replaceAll('\n', ' ')}}`),
  ) as readonly Answer[];
  if (answers.length !== cases.length) throw new Error(`the oracle gave ${answers.length} answers`);
  const found = cases.map((one) => ours(one));
  const differences = cases.flatMap(({ template }, index) => {
    const [wanted, here] = [answers[index], found[index] ?? { error: 'no answer' }];
    return agree(wanted, here) ? [] : [{ template, wanted, found: here }];
  });
  return { found, differences };
}
