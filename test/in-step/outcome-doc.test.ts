import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { actions } from '../../agent/iam/catalogue.ts';
import { outcomeDocument } from '../../scripts/outcome-doc.ts';

describe('docs/outcome-unknown.md', () => {
  it('is what the table of read-backs says, of every change', async () => {
    const document = readFileSync(new URL('../../docs/outcome-unknown.md', import.meta.url), 'utf8');
    expect(document === (await outcomeDocument()), 'run node scripts/outcome-doc.ts').to.equal(true);
    for (const { name, repeat } of actions)
      if (repeat !== 'safe') expect(document).to.match(new RegExp(`^\\| \`${name}\` `, 'm'));
  });
});
