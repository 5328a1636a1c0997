// Says in which ways the agent's envelopes differ from what boto3 made of the same bytes. It takes the agent's functions as a parameter, so
// that a changed copy of the agent can stand before the same judge.
import type { Action } from '../../agent/iam/action.ts';
import type * as Catalogue from '../../agent/iam/catalogue.ts';
import type { IamCaller } from '../../agent/iam/iam-caller.ts';
import type * as Inputs from '../../agent/iam/inputs.ts';
import type * as Run from '../../agent/iam/run-action.ts';
import type { Connection } from '../../agent/connection.ts';
import { systemClock } from '../../agent/io/clock-system.ts';
import type * as Errors from '../../protocol/error-codes.ts';
import type { Json } from '../../protocol/json.ts';
import type { Envelope } from '../../protocol/result-envelope.ts';
import type { ScriptedEndpoint } from '../support/scripted-endpoint.ts';
import type { OracleAnswer } from './boto3.ts';
import { comparable } from './exact-json.ts';
import type { Parameters, Plan } from './plan.ts';

export type Subject = Pick<typeof Catalogue, 'actions'> &
  Pick<typeof Inputs, 'matchInputs' | 'prepareCall'> &
  Pick<typeof Run, 'runAction'> &
  Pick<typeof Errors, 'isRefusal'>;

export type Ours =
  | { readonly kind: 'refused'; readonly code: string; readonly detail: string }
  | { readonly kind: 'ran'; readonly envelopes: readonly Envelope[]; readonly failure: string | null };

export function actionFor(subject: Subject, service: string, operation: string): Action {
  const action = subject.actions.find((known) => known.service === service && known.operation === operation);
  if (action === undefined) throw new Error(`the catalogue has no action for ${operation}`);
  return action;
}

/** The input with the first of a select's texts in place of one that the agent does not take; `onSelect` hears of it. */
export function admissible(
  action: Action,
  input: Parameters,
  onSelect: (text: string) => void = () => undefined,
): Parameters {
  const changed: Record<string, Json> = { ...input };
  for (const { member, oneOf } of action.inputs) {
    const value = changed[member];
    if (oneOf === undefined || typeof value !== 'string' || oneOf.includes(value)) continue;
    onSelect(`${action.name} ${member}=${value}`);
    changed[member] = oneOf[0] ?? null;
  }
  return changed;
}

export interface Carrier {
  readonly caller: IamCaller;
  readonly connection: Connection;
}

/** Through everything that an input of a job goes through, without templates and without retries. */
export async function runOurs(
  subject: Subject,
  action: Action,
  input: Parameters,
  carrier: Carrier | null,
): Promise<Ours> {
  const matched = subject.matchInputs(action, Object.keys(input));
  if (subject.isRefusal(matched)) return { kind: 'refused', code: matched.code, detail: matched.detail };
  const call = subject.prepareCall(action, new Map([...matched].map(([name, known]) => [known, input[name] ?? null])));
  if (subject.isRefusal(call)) return { kind: 'refused', code: call.code, detail: call.detail };
  if (carrier === null) return { kind: 'ran', envelopes: [], failure: null };
  const { signal } = new AbortController();
  const options = { ...carrier, clock: systemClock(), sessionName: 'job-1', retryForMs: 0, signal };
  const pages = await Array.fromAsync(subject.runAction(call, options));
  return {
    kind: 'ran',
    envelopes: pages.flatMap((page) => page.envelopes),
    failure: pages.at(-1)?.failure?.code ?? null,
  };
}

/** What a playbook would make of boto3's result. */
function expectedEnvelopes(plan: Pick<Plan, 'rows'>, result: Readonly<Record<string, unknown>>): unknown[] {
  const end = { error: null, has_error: false };
  if (plan.rows === null) return [{ result, ...end }];
  const items = (result[plan.rows] ?? []) as unknown[];
  return items.map((item) => ({
    ...(typeof item === 'object' && item !== null ? item : { [plan.rows ?? '']: item }),
    ...end,
  }));
}

/** Null: equal. boto3 was told not to retry, and says so; the agent speaks of retries only when there were any. */
export function differenceOf(plan: Pick<Plan, 'rows'>, ours: Ours, theirs: OracleAnswer): string | null {
  if (theirs.crash !== undefined) return `the oracle crashed: ${theirs.crash}`;
  if (ours.kind === 'refused') return `refused (${ours.code}): ${ours.detail}, not ${shown(theirs)}`;
  if (theirs.result !== undefined) return unequal(ours.envelopes, expectedEnvelopes(plan, theirs.result));
  const last = ours.envelopes.at(-1);
  const error = theirs.error?.replace(' (reached max retries: 0)', '');
  return unequal([last?.['error'], last?.has_error], [error, true]);
}

/** Null: both sides asked for the same, parameter by parameter. */
export function requestDifference(ours: ScriptedEndpoint, theirs: ScriptedEndpoint): string | null {
  const [sent = '', wanted = ''] = [ours, theirs].map(({ requests }) =>
    JSON.stringify(requests.map(({ params }) => [...params].map(([name, value]) => `${name}=${value}`).sort())),
  );
  return sent === wanted ? null : `request: ours ${sent}, boto3 ${wanted}`;
}

const shown = (value: unknown): string => JSON.stringify(value).slice(0, 2000);

function unequal(ours: unknown, theirs: unknown): string | null {
  const place = firstDifference(comparable(ours), comparable(theirs), '');
  return place === null ? null : `${place.path}: ours ${shown(place.ours)}, boto3 ${shown(place.theirs)}`;
}

interface Place {
  readonly path: string;
  readonly ours: unknown;
  readonly theirs: unknown;
}

const absent = '(absent)';

/** Deep equality of JSON values, own members only, that says where it ends. */
function firstDifference(ours: unknown, theirs: unknown, path: string): Place | null {
  if (Object.is(ours, theirs)) return null;
  const both = [ours, theirs];
  const lists = both.filter((value) => Array.isArray(value)).length;
  if (both.some((value) => typeof value !== 'object' || value === null) || lists === 1) return { path, ours, theirs };
  const [left, right] = both.map((value) => new Map(Object.entries(value as object)));
  if (left === undefined || right === undefined) return { path, ours, theirs };
  for (const name of new Set([...left.keys(), ...right.keys()])) {
    const here = `${path}/${name}`;
    if (!left.has(name)) return { path: here, ours: absent, theirs: right.get(name) };
    if (!right.has(name)) return { path: here, ours: left.get(name), theirs: absent };
    const found = firstDifference(left.get(name), right.get(name), here);
    if (found !== null) return found;
  }
  return null;
}
