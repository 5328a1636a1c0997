// The campaign as a command: node test/faults/run.ts --crashes 1000 --links 1000 --seed S [--only NAME] [--worlds N] [--folder DIR]
// Exit 1 when something was found; the evidence is in the folder that it names.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.ts';

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
// Every program that runs has one listener.
process.setMaxListeners(0);

const { values } = parseArgs({
  options: {
    crashes: { type: 'string', default: '1000' },
    links: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Date.now()) },
    only: { type: 'string' },
    worlds: { type: 'string', default: '5' },
    folder: { type: 'string' },
  },
});

const { seed } = values;
const folder = values.folder ?? join(tmpdir(), `iam-agent-faults-${seed.replaceAll(/[^\w.-]/g, '_')}-${process.pid}`);
const say = (text: string): void => console.log(text);

say(`seed ${seed}; evidence of violations in ${folder}`);
const { counts, found } = await runCampaign({
  folder,
  seed,
  crashes: Number(values.crashes),
  links: Number(values.links),
  stepShare: 0.5,
  only: values.only ?? null,
  worlds: Number(values.worlds),
  faultsOfRun: 24,
  say,
});
say(counts.text());
for (const { folder: kept, seed: own, violations } of found)
  say(`${violations.length} violations: ${kept} (seed ${own})`);
process.exitCode = found.length > 0 ? 1 : 0;
