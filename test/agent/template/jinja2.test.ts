// Every template of the corpus must give what the real Jinja2 gives; where Jinja2 fails, a coded refusal.
import { expect } from 'chai';
import { compareWithJinja2 } from '../../support/jinja2.ts';
import { corpus, corpusTemplates } from './corpus/corpus.ts';
import { corpusRow } from './corpus/rows.ts';

describe('templates compared with Jinja2', () => {
  it('renders the whole corpus equal to Jinja2, failures included', function () {
    const { found, differences } = compareWithJinja2(corpusTemplates.map((template) => ({ template, row: corpusRow })));
    const refused = found.filter((answer) => 'error' in answer).length;
    const themes = [...corpus].map(([theme, templates]) => `${theme} ${templates.length}`).join(', ');
    process.stdout.write(`    ${found.length} templates compared, ${refused} of them fail in both (${themes})\n`);
    expect(differences).to.deep.equal([]);
    expect(new Set(corpusTemplates).size, 'a template occurs twice').to.equal(corpusTemplates.length);
    expect(corpusTemplates.length).to.be.at.least(600);
    expect(found.length - refused).to.be.at.least(500);
  });
});
