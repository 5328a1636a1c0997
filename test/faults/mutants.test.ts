// The texts that mutants replace are in the sources, each once: a mutant that is no mutant would be "caught" by nothing.
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { mutatedSource } from './mutation.ts';
import { mutants } from './mutant-list.ts';

const root = new URL('../../', import.meta.url);

describe('mutants of the delivery guarantees', () => {
  it('are at least twenty, each with a name of its own', () => {
    expect(new Set(mutants.map(({ name }) => name)).size)
      .to.equal(mutants.length)
      .and.to.be.at.least(20);
  });

  for (const { name, mutation } of mutants) {
    it(`"${name}" is where it says`, () => {
      for (const file of new Set(mutation.map((edit) => edit.file))) {
        const source = readFileSync(new URL(file, root), 'utf8');
        expect(mutatedSource(source, file, mutation)).not.to.equal(source);
      }
    });
  }

  it('that are not where they say are refused', () => {
    const edit = { file: 'a.ts', from: 'x', to: 'y' };
    for (const source of ['', 'xx'])
      expect(() => mutatedSource(source, 'a.ts', [edit])).to.throw('must hold this text once');
  });
});
