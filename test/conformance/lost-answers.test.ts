// Every change of the catalogue with its answer lost: once carried out, once not, once where nothing may be read. Real sockets that break; against moto where it has the
// change, else against an account of which only the reads are written down. The change is sent once, and the verdict is the right one.
import { expect } from 'chai';
import type { Action } from '../../agent/iam/action.ts';
import { actions } from '../../agent/iam/catalogue.ts';
import { readBackOf } from '../../agent/iam/reconcile/table.ts';
import { systemClock } from '../../agent/io/clock-system.ts';
import type { CallStep } from '../../agent/job/call.ts';
import type { Json } from '../../protocol/json.ts';
import { portsWith, stepsOf } from '../support/call-steps.ts';
import { type Moto, startMoto } from '../support/moto.ts';
import {
  errorAnswer,
  type ScriptedEndpoint,
  type Step,
  startScriptedEndpoint,
  xmlAnswer,
} from '../support/scripted-endpoint.ts';
import { type ScriptedWorld, scriptedWorlds } from '../support/scripted-worlds.ts';
import { Boto3Oracle } from './boto3.ts';
import { sdkStructures } from './sdk-model.ts';
import { prepared, testCaller, type TestCaller, testConnection } from './side-by-side.ts';

type Parameters = Readonly<Record<string, Json>>;
type When = 'before' | 'after';

const lead = (operation: string): string =>
  `The outcome of ${operation} is unknown: the call may or may not have been carried out (Connection was closed`;

const changes = actions.filter(({ repeat }) => repeat !== 'safe');
const verdicts = {
  holds: 'The wanted state holds now: ',
  not: 'The wanted state does not hold; the call may still take effect: ',
  unread: 'Whether the wanted state holds could not be read: ',
} as const;
type Verdict = keyof typeof verdicts;

function errorOf(step: CallStep): string {
  if (step.kind !== 'page') throw new Error(JSON.stringify(step));
  expect(step.outcome).to.equal('unknown');
  const [envelope] = step.envelopes;
  expect(envelope).to.include({ has_error: true, error_code: 'outcome_unknown' });
  return String(envelope?.error);
}

/** Where what moto is arranged with is what the change asks for already. */
const others: Readonly<Record<string, (when: When) => Parameters>> = {
  UpdateAccountPasswordPolicy: (when) => ({ MinimumPasswordLength: when === 'after' ? 12 : 13 }),
  UpdateAssumeRolePolicy: () => ({
    PolicyDocument: {
      Statement: { Effect: 'Allow', Principal: { Service: ['ec2.amazonaws.com'] }, Action: 'sts:AssumeRole' },
      Version: '2012-10-17',
    },
  }),
  UpdateLoginProfile: () => ({ PasswordResetRequired: true }),
};

describe('every change whose answer is lost', function suite() {
  this.timeout(60_000);
  let moto: Moto;
  let endpoint: ScriptedEndpoint;
  let oracle: Boto3Oracle;
  let caller: TestCaller;
  let inMoto: readonly string[] = [];
  const seen: Record<'moto' | 'scripted', Record<Verdict, number>> = {
    moto: { holds: 0, not: 0, unread: 0 },
    scripted: { holds: 0, not: 0, unread: 0 },
  };
  const done = { before: new Set<string>(), after: new Set<string>(), denied: new Set<string>() };
  const inputs = new Map<string, Parameters>();

  before(async () => {
    [moto, endpoint] = await Promise.all([startMoto(), startScriptedEndpoint()]);
    oracle = new Boto3Oracle();
    await oracle.start(sdkStructures);
    inMoto = await oracle.implemented();
    caller = testCaller(testConnection(endpoint.url));
  });
  after(async () => {
    caller.close();
    await oracle.stop();
    await Promise.all([endpoint.stop(), moto.stop()]);
    const counts = Object.entries(seen).map(
      ([where, { holds, not, unread }]) => `${where}: ${holds} hold, ${not} do not, ${unread} cannot be read`,
    );
    process.stdout.write(
      `\n  Lost answers of ${changes.length} changes: ${done.after.size} after AWS acted, ${done.before.size} before it did, ${done.denied.size} where no read is allowed; ${counts.join('; ')}.\n`,
    );
  });

  async function run(action: Action, input: Parameters): Promise<CallStep> {
    const { ports } = portsWith(caller, {
      clock: systemClock(),
      connection: testConnection(endpoint.url),
      sessionName: 'job-1',
    });
    const [step] = await stepsOf(prepared(action.name, input), ports);
    if (step === undefined) throw new Error('no step');
    return step;
  }

  function playScript(operation: string, world: ScriptedWorld, when: When): void {
    let carriedOut = false;
    endpoint.play(({ operation: asked }): Step => {
      if (asked === operation) {
        carriedOut = when === 'after';
        return { kind: 'reset' };
      }
      const shown = world.reads[asked]?.[carriedOut ? 1 : 0];
      if (shown === undefined) return errorAnswer(403, 'AccessDenied', `${asked} was not expected`);
      const none = asked === 'GetOutboundWebIdentityFederationInfo' ? 'FeatureDisabled' : 'NoSuchEntity';
      return shown === null ? errorAnswer(404, none, 'none') : xmlAnswer(asked, shown);
    });
  }

  async function arrange(action: Action, when: When): Promise<Parameters> {
    const world = scriptedWorlds[action.operation];
    if (world !== undefined) {
      playScript(action.operation, world, when);
      return world.input;
    }
    const { success } = await oracle.arrange(action.operation, moto.url);
    if (success === null) throw new Error('neither moto nor a script has it');
    endpoint.relay(moto.url, ({ operation }) => (operation === action.operation ? when : null));
    return { ...success, ...others[action.operation]?.(when) };
  }

  for (const action of changes) {
    const { operation } = action;
    for (const when of ['after', 'before'] as const) {
      it(`${operation}, ${when} it was carried out`, async () => {
        const input = await arrange(action, when);
        inputs.set(operation, input);
        const text = errorOf(await run(action, input));
        const wanted: Verdict =
          readBackOf(operation)?.kind === 'unreadable' ? 'unread' : when === 'after' ? 'holds' : 'not';
        expect(text).to.contain(lead(operation));
        expect(text).to.contain(verdicts[wanted]);
        for (const { member, secret } of action.inputs)
          if (secret === true && input[member] !== undefined) expect(text).to.not.contain(input[member]);
        expect(endpoint.requests.filter((request) => request.operation === operation)).to.have.length(1);
        seen[operation in scriptedWorlds ? 'scripted' : 'moto'][wanted] += 1;
        done[when].add(operation);
      });
    }
  }

  it('where no read is allowed, says so of every change', async () => {
    for (const action of changes) {
      const { operation } = action;
      endpoint.play((asked) =>
        asked.operation === operation ? { kind: 'reset' } : errorAnswer(403, 'AccessDenied', 'not you'),
      );
      const text = errorOf(await run(action, inputs.get(operation) ?? {}));
      const kind = readBackOf(operation)?.kind;
      const denied = 'An error occurred (AccessDenied) when calling the ';
      expect(text).to.contain(lead(operation)).and.to.contain(verdicts.unread);
      if (kind !== 'unreadable') expect(text).to.contain(denied);
      expect(endpoint.requests.filter((request) => request.operation === operation)).to.have.length(1);
      done.denied.add(operation);
    }
  });

  it('covers the catalogue, and moto where moto has it', () => {
    const all = changes.map(({ operation }) => operation);
    expect([...done.after]).to.have.members(all);
    expect([...done.before]).to.have.members(all);
    expect([...done.denied]).to.have.members(all);
    // Moto has these two changes and not their read.
    const written = Object.keys(scriptedWorlds).filter((operation) => inMoto.includes(operation));
    expect(written).to.deep.equal(['TagInstanceProfile', 'UntagInstanceProfile']);
    expect(inMoto).to.not.include('ListInstanceProfileTags');
  });
});
