// The barrel has every name that the folder exports, and nothing else.
import { readFileSync, readdirSync } from 'node:fs';
import { expect } from 'chai';

const folder = new URL('../../protocol/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, folder), 'utf8');

describe('protocol/index.ts', () => {
  const barrel = read('index.ts');
  const files = readdirSync(folder).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.d.ts') && name !== 'index.ts',
  );

  for (const file of files) {
    it(`has every name of ${file}`, () => {
      const names = [...read(file).matchAll(/^export (?:async )?(?:const|function|type|interface) (\w+)/gm)].map(
        ([, name]) => name,
      );
      const block =
        new RegExp(`export (?:type )?\\{([^}]*)\\} from './${file.replace('.', String.raw`\.`)}'`).exec(barrel)?.[1] ??
        '';
      const exported = block
        .split(',')
        .map((part) => part.replace('type ', '').trim())
        .filter((name) => name !== '');
      expect(exported).to.have.members(names);
    });
  }

  it('can be imported', async () => {
    expect(Object.keys(await import('../../protocol/index.ts'))).to.include.members([
      'verifyJob',
      'decodeFrameToAgent',
      'limits',
    ]);
  });
});
