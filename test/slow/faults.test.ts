// The short form of the fault suite (docs/fault-suite.md): the delivery guarantees over crashes and link faults, judged by what AWS and the control
// plane hold, and a selection of mutants that it must see. The whole is `npm run faults` and `node test/faults/mutants.ts`.
import { expect } from 'chai';
import { join } from 'node:path';
import { runCampaign } from '../faults/campaign.ts';
import { Counts } from '../faults/counts.ts';
import { type Caught, hunt } from '../faults/hunt.ts';
import { mutants } from '../faults/mutant-list.ts';
import { rollback } from '../faults/rollback.ts';
import { scratch } from '../support/programs.ts';

const seed = 'check-in';
const wanted = { crashes: 60, links: 60 };

describe('delivery guarantees under faults', () => {
  let folder: Awaited<ReturnType<typeof scratch>>;
  let keep = false;

  before(async () => {
    // Every program that runs has one listener for the end of this process.
    process.setMaxListeners(40);
    folder = await scratch();
  });
  after(async () => {
    delete process.env['NODE_COMPILE_CACHE'];
    if (!keep) await folder[Symbol.asyncDispose]();
  });

  it(`hold over ${wanted.crashes} crashes and ${wanted.links} link faults, seed ${seed}`, async () => {
    const say = (text: string): void => console.log(`      ${text.replaceAll('\n', '\n      ')}`);
    const options = { seed, ...wanted, stepShare: 0.5, only: null, worlds: 4, faultsOfRun: 12, say };
    const { counts, found } = await runCampaign({ folder: join(folder.path, 'campaign'), ...options });
    say(counts.text());
    keep = found.length > 0;
    expect(found).to.deep.equal([]);
    expect(counts.crashTotal).to.be.at.least(wanted.crashes);
    expect(counts.linkTotal).to.be.at.least(wanted.links);
  });

  it("hold when the agent's disk goes back in time", async () => {
    const counts = new Counts();
    const { violations } = await rollback({ folder: join(folder.path, 'rollback'), seed, counts });
    keep ||= violations.length > 0;
    expect(violations).to.deep.equal([]);
  });

  describe('are seen to break without', () => {
    const short = mutants.filter((mutant) => mutant.short === true);
    let hunts: readonly Promise<Caught>[] = [];

    before(() => {
      const where = (index: number): string => join(folder.path, `mutant-${index}`);
      hunts = short.map((mutant, index) => hunt(mutant, { folder: where(index), seed, mostRuns: 4 }));
    });

    for (const [index, { name }] of short.entries()) {
      it(name, async () => {
        const caught = await hunts[index];
        expect(caught?.violation).to.be.an('object');
        console.log(`        in ${caught?.runs} runs, ${caught?.seconds} s: ${caught?.violation?.rule}`);
      });
    }
  });
});
