import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { errorCodes } from '../../protocol/error-codes.ts';
import { errorsDocument } from '../../scripts/errors-doc.ts';

describe('docs/errors.md', () => {
  it('is what the table of error codes says', async () => {
    const document = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
    expect(document).to.equal(await errorsDocument());
    for (const code of Object.keys(errorCodes)) expect(document).to.include(`\`${code}\``);
  });
});
