import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { actions } from '../../agent/iam/catalogue.ts';
import { actionsDocument } from '../../scripts/actions-doc.ts';

describe('docs/actions.md', () => {
  it('is what the catalogue says', async () => {
    const document = readFileSync(new URL('../../docs/actions.md', import.meta.url), 'utf8');
    expect(document === (await actionsDocument()), 'run node scripts/actions-doc.ts').to.equal(true);
    for (const { name } of actions) expect(document).to.include(`### \`${name}\``);
  });
});
