// The campaign as a command: node test/faults/run.ts --crashes 1000 --links 1000 --seed S [--only NAME] [--steps SHARE] [--worlds N] [--folder DIR]
// `--steps` is the part of the crashes that go through the steps of a job one by one. The first SIGINT or SIGTERM ends it early, with its counts.
// Exit 1 when something was found; the evidence is in the folder that it names.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.ts';

const early = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => (early.signal.aborted ? process.exit(1) : early.abort()));
// Every program that runs has one listener.
process.setMaxListeners(0);

const { values } = parseArgs({
  options: {
    crashes: { type: 'string', default: '1000' },
    links: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Date.now()) },
    only: { type: 'string' },
    steps: { type: 'string', default: '0.5' },
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
  stepShare: Number(values.steps),
  only: values.only ?? null,
  worlds: Number(values.worlds),
  faultsOfRun: 24,
  say,
  signal: early.signal,
});
if (early.signal.aborted) say('ended early');
say(counts.text());
for (const { folder: kept, seed: own, violations } of found)
  say(`${violations.length} violations: ${kept} (seed ${own})`);
process.exitCode = found.length > 0 ? 1 : 0;
