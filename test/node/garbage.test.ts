import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { expect } from 'chai';

const mib = 1024 * 1024;
const program = `
import { collectGarbage } from ${JSON.stringify(import.meta.resolve('../../node/garbage.ts'))};
// Young objects that live through a few collections, so that V8 takes more room for new ones.
let kept = [];
for (let at = 0; at < 400_000; at += 1) kept.push({ at, text: 'row ' + at });
kept = null;
const before = process.memoryUsage().heapTotal;
await collectGarbage();
process.stdout.write(JSON.stringify({ before, after: process.memoryUsage().heapTotal }));
`;

function heap(...flags: readonly string[]): { readonly before: number; readonly after: number } {
  const { stdout } = spawnSync(process.execPath, [...flags, '--input-type=module'], {
    input: program,
    encoding: 'utf8',
  });
  return JSON.parse(stdout) as { before: number; after: number };
}

describe('collecting garbage', () => {
  it('gives back what V8 took and nothing uses', () => {
    const { before, after } = heap('--expose-gc');
    expect(before).to.be.above(25 * mib);
    expect(after).to.be.below(12 * mib);
  });

  it('does nothing in a process that may not', () => {
    const { before, after } = heap();
    expect(after).to.be.above(before / 2);
  });
});
