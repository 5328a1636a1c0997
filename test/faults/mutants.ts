// Every mutant against the suite: node test/faults/mutants.ts [--only NAME] [--seed S] [--worlds N]
// Exit 1 when one survived: then the suite would not see that its rule is gone.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { hunt } from './hunt.ts';
import { mutants } from './mutant-list.ts';
import { forget, warmUp } from './run-world.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: String(Date.now()) },
    worlds: { type: 'string', default: '3' },
  },
});

const folder = join(tmpdir(), `iam-agent-mutants-${process.pid}`);
process.env['NODE_COMPILE_CACHE'] = join(folder, 'compiled');
const chosen = mutants.filter(({ name }) => name.includes(values.only));
const waiting = [...chosen.entries()];
let caught = 0;

async function work(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const [index, mutant] = next;
    const { violation, runs, seconds } = await hunt(mutant, { folder: join(folder, String(index)), seed: values.seed });
    if (violation !== null) caught += 1;
    const how = violation === null ? 'SURVIVED' : `${violation.rule}: ${violation.detail.slice(0, 100)}`;
    console.log(`${violation === null ? 'not caught' : 'caught'} in ${runs} runs, ${seconds} s: ${mutant.name} (${how})`);
  }
}

console.log(`seed ${values.seed}, ${chosen.length} mutants`);
await warmUp(join(folder, 'warm'));
await Promise.all(Array.from({ length: Number(values.worlds) }, work));
await forget(folder);
console.log(`caught ${caught} of ${chosen.length}`);
process.exitCode = caught === chosen.length ? 0 : 1;
