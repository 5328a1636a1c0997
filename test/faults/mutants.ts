// Every mutant against the suite: node test/faults/mutants.ts [--only NAME] [--seed S] [--worlds N] [--control]
// Exit 1 when one survived: then the suite would not see that its rule is gone. With --control the programs are as they are, and nothing may be
// found by the same runs.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { hunt } from './hunt.ts';
import { mutants } from './mutant-list.ts';
import { forget, warmUp } from './run-world.ts';

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
// Every program that runs has one listener.
process.setMaxListeners(0);

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: String(Date.now()) },
    worlds: { type: 'string', default: '3' },
    control: { type: 'boolean', default: false },
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
    const where = { folder: join(folder, String(index)), seed: values.seed };
    const hunted = values.control ? { ...mutant, mutation: [] } : mutant;
    const { violation, runs, seconds } = await hunt(hunted, { ...where, mostRuns: values.control ? 1 : 8 });
    if (violation !== null) caught += 1;
    const how = violation === null ? 'nothing found' : `${violation.rule}: ${violation.detail.slice(0, 100)}`;
    console.log(
      `${violation === null ? 'not caught' : 'caught'} in ${runs} runs, ${seconds} s: ${mutant.name} (${how})`,
    );
  }
}

console.log(`seed ${values.seed}, ${chosen.length} mutants`);
await warmUp(join(folder, 'warm'));
await Promise.all(Array.from({ length: Number(values.worlds) }, work));
await forget(folder);
console.log(`caught ${caught} of ${chosen.length}${values.control ? ' without any mutation' : ''}`);
process.exitCode = caught === (values.control ? 0 : chosen.length) ? 0 : 1;
