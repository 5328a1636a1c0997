// From the inputs of a job to the parameters of one call. Refuses what boto3 refuses, in botocore's words, and two things more: a required
// input that renders to nothing (AWS would act on the caller's own user) and a text outside a select. Names and ARNs are AWS's to judge.
import { isRefusal, refuse, type Refusal } from '../../protocol/error-codes.ts';
import type { Json } from '../../protocol/json.ts';
import { editDistance } from '../edit-distance.ts';
import type { Action, ActionInput } from './action.ts';
import { coerce } from './coerce.ts';
import { parameterErrorText } from './errors.ts';
import { pythonText } from './python-text.ts';
import { Faults, validate } from './validate.ts';

/** One call, checked. Made only here. */
export interface PreparedCall {
  readonly action: Action;
  readonly input: Readonly<Record<string, Json>>;
  /** The row's role; null: the connection's own identity. */
  readonly roleArn: string | null;
  /** Rows of the whole listing; null: all. */
  readonly maxItems: number | null;
  /** One envelope for each item of an answer that would be one envelope. */
  readonly asRows: boolean;
  /** Longest time to wait until AWS has finished; null: the first answer counts. */
  readonly waitSeconds: number | null;
  /** The tag by which what the call makes can be known again; it is among the input's tags. */
  readonly mark?: string;
}

/** How the call's envelopes look. */
export function formOf(call: Pick<PreparedCall, 'action' | 'asRows'>): 'object' | 'rows' {
  return call.asRows ? 'rows' : call.action.output.kind;
}

/** The label, and the SDK's name for it. */
function namesOf({ label, member }: ActionInput): readonly string[] {
  return [label, member];
}

function findInput(action: Action, name: string): ActionInput | undefined {
  const exact = action.inputs.find((input) => namesOf(input).includes(name));
  if (exact !== undefined) return exact;
  const lower = name.trim().toLowerCase();
  return action.inputs.find((input) => namesOf(input).some((known) => known.toLowerCase() === lower));
}

const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

function suggestions(action: Action, name: string): string {
  const wanted = plain(name.slice(0, 100));
  const near = action.inputs.filter((input) =>
    namesOf(input).some((known) => {
      const candidate = plain(known);
      if (wanted.length >= 3 && (candidate.includes(wanted) || wanted.includes(candidate))) return true;
      return editDistance(wanted, candidate) <= Math.max(1, Math.floor(candidate.length / 4));
    }),
  );
  return near.length === 0 ? '' : ` Did you mean ${near.map((input) => `"${input.label}"`).join(' or ')}?`;
}

function unknownInput(action: Action, name: string): Refusal {
  const known = action.inputs.map((input) => `"${input.label}"`).join(', ');
  const shown = name.length > 100 ? `${name.slice(0, 100)}…` : name;
  return refuse(
    'unknown_input',
    `${action.name} has no input ${JSON.stringify(shown)}.${suggestions(action, name)} Its inputs are: ${known}.`,
  );
}

/** Which input each given name means. Refusals: unknown_input, invalid_input (one input under two names), missing_input. */
export function matchInputs(action: Action, names: readonly string[]): ReadonlyMap<string, ActionInput> | Refusal {
  const matched = new Map<string, ActionInput>();
  const givenAs = new Map<ActionInput, string>();
  for (const name of names) {
    const input = findInput(action, name);
    if (input === undefined) return unknownInput(action, name);
    const before = givenAs.get(input);
    if (before !== undefined) {
      const detail = `${action.name}: "${before}" and "${name}" are the same input, "${input.label}"; give one.`;
      return refuse('invalid_input', detail);
    }
    givenAs.set(input, name);
    matched.set(name, input);
  }
  const missing = action.inputs.filter((input) => input.required && !givenAs.has(input));
  if (missing.length > 0) {
    const labels = missing.map((input) => `"${input.label}"`).join(', ');
    return refuse('missing_input', `${action.name} needs the input${missing.length > 1 ? 's' : ''} ${labels}.`);
  }
  return matched;
}

function isBlank({ mayBeBlank }: ActionInput, value: Json | undefined): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === 'string' && value.trim() === '' && mayBeBlank !== true;
}

function chosenOf(input: ActionInput, oneOf: readonly string[], value: string): string | Refusal {
  const chosen = value.trim();
  if (oneOf.includes(chosen)) return chosen;
  const shown = chosen.length > 100 ? `${chosen.slice(0, 100)}…` : chosen;
  return refuse(
    'invalid_input',
    `"${input.label}" is ${JSON.stringify(shown)}; it must be one of: ${oneOf.join(', ')}.`,
  );
}

function checkRole(value: Json): string | Refusal {
  const arn = typeof value === 'string' ? value.trim() : '';
  if (/^arn:aws[a-z-]*:iam::\d{12}:role\/[\u0021-\u007e]{1,512}$/.test(arn)) return arn;
  return refuse('invalid_input', '"Role Arn" must look like arn:aws:iam::123456789012:role/NAME, or be blank.');
}

function missingInputs(inputs: readonly ActionInput[]): Refusal {
  const lines = inputs.map(
    ({ label, member, required }) =>
      `Missing required parameter in input: "${member}" (the input "${label}" rendered to nothing` +
      `${required ? '' : "; AWS would act on the connection's own user: for that, leave the input out"})`,
  );
  return refuse('missing_input', parameterErrorText(lines));
}

interface Draft {
  readonly input: Record<string, Json>;
  readonly faults: Faults;
  roleArn: string | null;
  maxItems: number | null;
  asRows: boolean;
  waitSeconds: number | null;
}

/** A row that waits holds its place. */
const maxWaitSeconds = 21_600;

function countOf(input: ActionInput, value: Json): number | Refusal {
  const number = coerce(input, value);
  if (isRefusal(number)) return number;
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 1) {
    if (input.role !== 'wait_seconds' || number <= maxWaitSeconds) return number;
    return refuse('invalid_input', `"${input.label}" is ${number}; it must be at most ${maxWaitSeconds} (six hours).`);
  }
  return refuse(
    'invalid_input',
    `"${input.label}" is ${pythonText(value).slice(0, 100)}; it must be a whole number from 1 up, or blank.`,
  );
}

function flagOf(input: ActionInput, value: Json): boolean | Refusal {
  const flag = coerce(input, value);
  if (typeof flag === 'boolean' || isRefusal(flag)) return flag;
  return refuse('invalid_input', `"${input.label}" must be True or False, or blank.`);
}

/** One of the agent's own inputs. */
function placeOwn(draft: Draft, input: ActionInput, value: Json): Refusal | null {
  switch (input.role) {
    case 'role_arn': {
      const arn = checkRole(value);
      if (isRefusal(arn)) return arn;
      draft.roleArn = arn;
      return null;
    }
    case 'as_rows': {
      const flag = flagOf(input, value);
      if (isRefusal(flag)) return flag;
      draft.asRows = flag;
      return null;
    }
    case 'max_items':
    case 'wait_seconds': {
      const count = countOf(input, value);
      if (isRefusal(count)) return count;
      draft[input.role === 'max_items' ? 'maxItems' : 'waitSeconds'] = count;
      return null;
    }
    case undefined:
      return null;
    default:
      return input.role satisfies never;
  }
}

function place(draft: Draft, input: ActionInput, given: Json): Refusal | null {
  if (input.role !== undefined) return placeOwn(draft, input, given);
  let value = coerce(input, given);
  if (!isRefusal(value) && input.oneOf !== undefined && typeof value === 'string') {
    value = chosenOf(input, input.oneOf, value);
  }
  if (isRefusal(value)) return value;
  validate(input.shape, value, { name: input.member, secret: input.secret === true, faults: draft.faults });
  draft.input[input.member] = value;
  return null;
}

/** Refusals: missing_input, invalid_input. What is blank and may be is left out, so that AWS's default applies. */
export function prepareCall(action: Action, rendered: ReadonlyMap<ActionInput, Json>): PreparedCall | Refusal {
  const missing = action.inputs.filter(
    (input) =>
      (input.required || (input.neverBlank === true && rendered.has(input))) && isBlank(input, rendered.get(input)),
  );
  if (missing.length > 0) return missingInputs(missing);
  const draft: Draft = {
    input: {},
    faults: new Faults(),
    roleArn: null,
    maxItems: null,
    asRows: false,
    waitSeconds: null,
  };
  for (const input of action.inputs) {
    const value = rendered.get(input);
    if (value === undefined || isBlank(input, value)) continue;
    const refusal = place(draft, input, value);
    if (refusal !== null) return refusal;
  }
  if (draft.faults.count > 0) return refuse('invalid_input', parameterErrorText(draft.faults.lines()));
  const { input, roleArn, maxItems, asRows, waitSeconds } = draft;
  if (maxItems !== null && action.output.kind === 'object' && !asRows) {
    return refuse('invalid_input', '"Max Items" counts rows: set "As Rows" to True, or leave it blank.');
  }
  return { action, input, roleArn, maxItems, asRows, waitSeconds };
}
