// Every template of the corpus must give what the real Jinja2 gives; where Jinja2 fails, a coded refusal.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { compileTemplate, renderTemplate } from '../../../agent/template/template.ts';
import { isRefusal } from '../../../protocol/error-codes.ts';
import { parseJson, type Json } from '../../../protocol/json.ts';
import { pythonPath } from '../../support/python.ts';
import { corpusRow } from './corpus/rows.ts';
import { longTemplates } from './corpus/long-templates.ts';

type Answer = { readonly ok: string } | { readonly error: string };

const lines = readFileSync(new URL('./corpus/templates.txt', import.meta.url), 'utf8')
  .split('\n')
  .slice(0, -1);
const templates = [...lines, ...longTemplates];
const row = parseJson(corpusRow) as Record<string, Json>;

function jinja2(): readonly Answer[] {
  const compactRow = corpusRow.replaceAll('\n', ' ');
  const input = templates.map((template) => `{"template":${JSON.stringify(template)},"row":${compactRow}}\n`).join('');
  const script = fileURLToPath(new URL('../../support/jinja-oracle.py', import.meta.url));
  const run = spawnSync(pythonPath(), [script], { input, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (run.status !== 0) throw new Error(`the oracle failed: ${run.stderr}`);
  return run.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Answer);
}

function ours(template: string): Answer {
  const compiled = compileTemplate(template);
  if (isRefusal(compiled)) return { error: `${compiled.code}: ${compiled.detail}` };
  const rendered = renderTemplate(compiled, { row, references: {}, secretNames: new Set() });
  return isRefusal(rendered) ? { error: `${rendered.code}: ${rendered.detail}` } : { ok: rendered };
}

describe('templates compared with Jinja2', () => {
  it('renders the whole corpus equal to Jinja2, failures included', () => {
    const answers = jinja2();
    expect(answers.length).to.equal(templates.length);
    expect(templates.length).to.be.at.least(250);
    const differences = templates.flatMap((template, index) => {
      const [wanted, found] = [answers[index], ours(template)];
      const same =
        wanted !== undefined && ('ok' in wanted ? 'ok' in found && found.ok === wanted.ok : 'error' in found);
      return same ? [] : [{ template, wanted, found }];
    });
    expect(differences).to.deep.equal([]);
  });
});
