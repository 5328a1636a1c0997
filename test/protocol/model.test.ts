// The exhaustive check of the protocol: the real state machines in every interleaving within the bounds, and the proof that the check would notice
// the absence of each rule.
import { expect } from 'chai';
import { type CreditBoundsName, type JobBoundsName, creditBounds, jobBounds } from './model/bounds.ts';
import { creditModel } from './model/credit-model.ts';
import { type Exploration, explore } from './model/explorer.ts';
import { jobModel } from './model/job-model.ts';
import { brokenHabits, creditMutants, jobMutants } from './model/mutants.ts';
import { type Rules, mutatedRules, realRules, timesFound } from './model/rules.ts';

const atMost = { maxStates: 400_000 };
const names = <N extends string>(table: Readonly<Record<N, unknown>>): N[] => Object.keys(table) as N[];

describe('protocol model', function () {
  this.timeout(60_000);
  const summary = { states: 0, transitions: 0, killed: 0, mutants: 0 };
  let rules: Rules;

  before(async () => {
    rules = await realRules();
  });

  after(() => {
    const { states, transitions, killed, mutants } = summary;
    const count = names(jobBounds).length + names(creditBounds).length;
    console.log(
      `      model: bounds ${count} sets (test/protocol/model/bounds.ts), states ${states}, transitions ${transitions}, mutants killed ${killed} of ${mutants}`,
    );
  });

  function holds(result: Exploration): void {
    summary.states += result.states;
    summary.transitions += result.transitions;
    expect(result.violation, JSON.stringify(result.violation, null, 1)).to.equal(null);
  }

  function dies(rule: string, result: Exploration): string {
    summary.mutants += 1;
    expect(result.violation, `nothing notices that this is missing: ${rule}`).not.to.equal(null);
    summary.killed += 1;
    return `${rule}: "${result.violation?.property}" after ${result.violation?.trace.length} steps`;
  }

  describe('every property holds, and from every state everything can still end', () => {
    for (const name of names<JobBoundsName>(jobBounds)) {
      it(`${name} ${JSON.stringify(jobBounds[name])}`, () => {
        holds(explore(jobModel(rules, jobBounds[name]), atMost));
      });
    }
    for (const name of names<CreditBoundsName>(creditBounds)) {
      it(`credit: ${name} ${JSON.stringify(creditBounds[name])}`, () => {
        holds(explore(creditModel(rules, creditBounds[name]), atMost));
      });
    }
  });

  describe('each rule is needed', () => {
    const killed: string[] = [];
    after(() => {
      for (const line of killed) console.log(`        ${line}`);
    });
    for (const mutant of [...jobMutants, ...creditMutants]) {
      it(`${mutant.file}: ${mutant.rule}`, async () => {
        expect(timesFound(mutant), `"${mutant.find}" in ${mutant.file}`).to.equal(1);
        const changed = await mutatedRules(mutant);
        const model =
          mutant.file === 'credit.ts'
            ? explore(creditModel(changed, creditBounds[mutant.bounds as CreditBoundsName]), atMost)
            : explore(jobModel(changed, jobBounds[mutant.bounds as JobBoundsName]), atMost);
        killed.push(dies(mutant.rule, model));
      });
    }
    for (const { habit, bounds } of brokenHabits) {
      it(`duty of the programs: ${habit}`, () => {
        killed.push(dies(habit, explore(jobModel(rules, jobBounds[bounds], [habit]), atMost)));
      });
    }
  });

  it('a journal that went back while the control plane knew nothing newer is not noticed, and says so', () => {
    const model = jobModel(rules, jobBounds.rollback);
    const twice = explore({ ...model, broken: ({ ghost }) => (ghost.effects === '2' ? 'twice' : null) }, atMost);
    expect(twice.violation?.property).to.equal('twice');
    expect(twice.violation?.trace).to.include('snapshot is put back');
  });
});
