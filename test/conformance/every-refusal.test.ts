// Wrong inputs for every operation: the agent must refuse what boto3 refuses, in its words, and nothing that boto3 sends. Where it differs on
// purpose is listed here and counted: missing and unknown inputs are found by their labels before there are parameters, a value that is secret
// is not shown, and a policy may be given as what it holds.
import { expect } from 'chai';
import { actions } from '../../agent/iam/catalogue.ts';
import { matchInputs, prepareCall } from '../../agent/iam/inputs.ts';
import { runAction } from '../../agent/iam/run-action.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import { Boto3Oracle } from './boto3.ts';
import { actionFor, admissible, type Ours, runOurs } from './judge.ts';
import type { Plan, WrongInput } from './plan.ts';
import { sdkOperations, sdkStructures } from './sdk-model.ts';

const subject = { actions, matchInputs, prepareCall, runAction, isRefusal };
const seed = Number(process.env['IAM_AGENT_SEED'] ?? '1');

// boto3 names faults in the order in which the parameters were given, the agent in that of its inputs.
const everywhere = 'a fault everywhere';
const linesOf = (text: string): string[] => text.split(/\n(?=Invalid|Missing|Unknown)/);
const sorted = (text: string): string => linesOf(text).sort().join('\n');

/** What AWS's model marks as secret, and one-time codes, which it does not. */
const codes = ['AuthenticationCode1', 'AuthenticationCode2'];

/** boto3's text as the agent may give it. */
function hidden(plan: Plan, error: string): string {
  const secret = (line: string): boolean =>
    [...plan.secrets, ...codes].some((name) => line.startsWith(`Invalid type for parameter ${name}, `));
  return linesOf(error)
    .map((line) => (secret(line) ? line.replace(/(, value: ).*(, type: )/s, '$1***$2') : line))
    .join('\n');
}

/** Null: as boto3, or one of the listed deviations. */
function differenceOf(plan: Plan, wrong: WrongInput, ours: Ours): string | null {
  const { title, error, top, document } = wrong;
  if (document) return ours.kind === 'ran' ? null : ours.detail;
  if (ours.kind === 'ran') return error === null ? null : `sent; boto3: ${error}`;
  if (error === null) return `only the agent refuses: ${ours.detail}`;
  if (top !== null) return ours.code === `${top}_input` ? null : `${ours.code}: ${ours.detail}`;
  const theirs = hidden(plan, error);
  const same = ours.detail === theirs || (title === everywhere && sorted(ours.detail) === sorted(theirs));
  return ours.code === 'invalid_input' && same
    ? null
    : `ours ${ours.code} ${JSON.stringify(ours.detail)}, boto3 ${JSON.stringify(theirs)}`;
}

describe('wrong inputs of every operation beside boto3', function suite() {
  this.timeout(60_000);
  let oracle: Boto3Oracle;
  const counts = { refused: 0, taken: 0, ownWords: 0, hidden: 0, documents: 0, differences: 0 };

  before(async () => {
    oracle = new Boto3Oracle();
    await oracle.start(sdkStructures);
  });
  after(async () => {
    await oracle.stop();
    process.stdout.write(
      `\n  Wrong inputs beside boto3: ${counts.refused} refused in its words, ${counts.ownWords} in the agent's own (missing and unknown inputs), ` +
        `${counts.hidden} without the secret value, ${counts.taken} sent by both, ${counts.documents} policies given as what they hold, which only the agent takes; differences: ${counts.differences}.\n`,
    );
  });

  for (const operation of sdkOperations) {
    it(operation, async () => {
      const plan = await oracle.plan('iam', operation, seed, 0);
      const action = actionFor(subject, 'iam', operation);
      const found: string[] = [];
      for (const wrong of plan.wrong) {
        const input = admissible(action, wrong.input);
        const difference = differenceOf(plan, wrong, await runOurs(subject, action, input, null));
        if (difference !== null) found.push(`${wrong.title}: ${difference}`);
        if (wrong.document) counts.documents += 1;
        else if (wrong.error === null) counts.taken += 1;
        else if (wrong.top !== null) counts.ownWords += 1;
        else if (hidden(plan, wrong.error) !== wrong.error) counts.hidden += 1;
        else counts.refused += 1;
      }
      counts.differences += found.length;
      if (found.length > 0) expect.fail(`${found.length} differences\n${found.slice(0, 8).join('\n')}`);
    });
  }
});
