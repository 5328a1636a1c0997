// From the inputs of a job to the parameters of one call. Refuses what boto3 refuses, in botocore's words, and two things more: a required
// input that renders to nothing (AWS would act on the caller's own user) and a text outside a select. Names and ARNs are AWS's to judge.
import { isRefusal, refuse, type Refusal } from '../../protocol/error-codes.ts';
import type { Json } from '../../protocol/json.ts';
import type { Action, ActionInput } from './catalogue.ts';
import { parameterErrorText } from './errors.ts';
import { pythonText, pythonType } from './python-text.ts';

/** One call, checked. Made only here. */
export interface PreparedCall {
  readonly action: Action;
  readonly input: Readonly<Record<string, Json>>;
  /** The row's role; null: the connection's own identity. */
  readonly roleArn: string | null;
  /** Rows of the whole listing; null: all. */
  readonly maxItems: number | null;
}

const roleNames = { role_arn: 'RoleArn', max_items: 'MaxItems' } as const;

/** The label, and the SDK's name for it. */
function namesOf(input: ActionInput): readonly string[] {
  const alias = input.member ?? (input.role === undefined ? null : roleNames[input.role]);
  return alias === null ? [input.label] : [input.label, alias];
}

function findInput(action: Action, name: string): ActionInput | undefined {
  const exact = action.inputs.find((input) => namesOf(input).includes(name));
  if (exact !== undefined) return exact;
  const lower = name.trim().toLowerCase();
  return action.inputs.find((input) => namesOf(input).some((known) => known.toLowerCase() === lower));
}

const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

/** Levenshtein's distance; the names are short. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_none, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function suggestions(action: Action, name: string): string {
  const wanted = plain(name.slice(0, 100));
  const near = action.inputs.filter((input) =>
    namesOf(input).some((known) => {
      const candidate = plain(known);
      if (wanted.length >= 3 && (candidate.includes(wanted) || wanted.includes(candidate))) return true;
      return distance(wanted, candidate) <= Math.max(1, Math.floor(candidate.length / 4));
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

function isBlank(value: Json | undefined): boolean {
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === '');
}

type Checked =
  { readonly kind: 'value'; readonly value: Json } | { readonly kind: 'fault'; readonly text: string } | Refusal;

function nameOf(input: ActionInput): string {
  return input.member ?? input.label;
}

function wrongType(input: ActionInput, value: Json, python: string): Checked {
  const text = `Invalid type for parameter ${nameOf(input)}, value: ${pythonText(value)}, type: ${pythonType(value)}, valid types: <class '${python}'>`;
  return { kind: 'fault', text };
}

function checkText(input: ActionInput, value: Json): Checked {
  if (typeof value !== 'string') return wrongType(input, value, 'str');
  if (!value.isWellFormed())
    return refuse('invalid_input', `"${input.label}" holds half a character (a lone surrogate).`);
  if (input.oneOf !== undefined) {
    const chosen = value.trim();
    if (input.oneOf.includes(chosen)) return { kind: 'value', value: chosen };
    const shown = chosen.length > 100 ? `${chosen.slice(0, 100)}…` : chosen;
    const detail = `"${input.label}" is ${JSON.stringify(shown)}; it must be one of: ${input.oneOf.join(', ')}.`;
    return refuse('invalid_input', detail);
  }
  // Python counts characters, not UTF-16 units.
  const { length } = Array.from(value);
  if (input.minLength !== undefined && length < input.minLength) {
    const text = `Invalid length for parameter ${nameOf(input)}, value: ${length}, valid min length: ${input.minLength}`;
    return { kind: 'fault', text };
  }
  return { kind: 'value', value };
}

function checkBoolean(input: ActionInput, value: Json): Checked {
  if (typeof value === 'boolean') return { kind: 'value', value };
  if (typeof value !== 'string') return wrongType(input, value, 'bool');
  const text = value.trim().toLowerCase();
  if (text === 'true' || text === 'false') return { kind: 'value', value: text === 'true' };
  return refuse(
    'invalid_input',
    `"${input.label}" is ${JSON.stringify(value.slice(0, 100))}; it must be True or False.`,
  );
}

function checkInteger(input: ActionInput, value: Json): Checked {
  const number = typeof value === 'string' && /^\s*\+?\d{1,15}\s*$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 1)
    return { kind: 'value', value: number };
  const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : pythonText(value);
  return refuse('invalid_input', `"${input.label}" is ${shown}; it must be a whole number from 1 up, or blank.`);
}

function check(input: ActionInput, value: Json): Checked {
  switch (input.type) {
    case 'text':
      return checkText(input, value);
    case 'boolean':
      return checkBoolean(input, value);
    case 'integer':
      return checkInteger(input, value);
    default:
      return input.type satisfies never;
  }
}

function checkRole(value: Json): string | Refusal {
  const arn = typeof value === 'string' ? value.trim() : '';
  if (/^arn:aws[a-z-]*:iam::\d{12}:role\/[\u0021-\u007e]{1,512}$/.test(arn)) return arn;
  return refuse('invalid_input', '"Role Arn" must look like arn:aws:iam::123456789012:role/NAME, or be blank.');
}

function missingInputs(inputs: readonly ActionInput[]): Refusal {
  const lines = inputs.map(
    (input) =>
      `Missing required parameter in input: "${nameOf(input)}" (the input "${input.label}" rendered to nothing)`,
  );
  return refuse('missing_input', parameterErrorText(lines));
}

interface Draft {
  readonly input: Record<string, Json>;
  readonly faults: string[];
  roleArn: string | null;
  maxItems: number | null;
}

function place(draft: Draft, input: ActionInput, value: Json): Refusal | null {
  if (input.role === 'role_arn') {
    const arn = checkRole(value);
    if (isRefusal(arn)) return arn;
    draft.roleArn = arn;
    return null;
  }
  const checked = check(input, value);
  if (checked.kind === 'refused') return checked;
  if (checked.kind === 'fault') draft.faults.push(checked.text);
  else if (input.role === 'max_items') draft.maxItems = typeof checked.value === 'number' ? checked.value : null;
  else if (input.member !== null) draft.input[input.member] = checked.value;
  return null;
}

/** Refusals: missing_input, invalid_input. What is blank and may be is left out, so that AWS's default applies. */
export function prepareCall(action: Action, rendered: ReadonlyMap<ActionInput, Json>): PreparedCall | Refusal {
  const missing = action.inputs.filter((input) => input.required && isBlank(rendered.get(input)));
  if (missing.length > 0) return missingInputs(missing);
  const draft: Draft = { input: {}, faults: [], roleArn: null, maxItems: null };
  for (const input of action.inputs) {
    const value = rendered.get(input);
    if (value === undefined || isBlank(value)) continue;
    const refusal = place(draft, input, value);
    if (refusal !== null) return refusal;
  }
  if (draft.faults.length > 0) return refuse('invalid_input', parameterErrorText(draft.faults));
  return { action, input: draft.input, roleArn: draft.roleArn, maxItems: draft.maxItems };
}
