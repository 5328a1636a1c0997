// Every action a job can name: its inputs, the form of its output and what a repetition of it would do. Joined once from the rows and the
// SDK's schemas, so that a new operation is a row and never a branch. `assume_role` is no action.
import { type ActionRow, actionRows, type InputRow, minimums } from './catalogue-rows.ts';
import { type OperationShapes, operationShapes, sensitivePaths, type Service, type Shape } from './schema.ts';

export type AccessLevel = 'list' | 'read' | 'write' | 'permissions' | 'tagging';

/** `safe`: the same answer again. `answer_changes`: the same state, another answer. `never`: something is made twice. */
export type Repeat = 'safe' | 'answer_changes' | 'never';

export interface ActionInput {
  readonly label: string;
  /** The SDK's member that it fills; null for what the agent itself uses (see `role`). */
  readonly member: string | null;
  readonly role?: 'role_arn' | 'max_items';
  readonly type: 'text' | 'boolean' | 'integer';
  readonly required: boolean;
  readonly oneOf?: readonly string[];
  /** A blank value is left out, and AWS's default applies. */
  readonly blankMeansDefault?: boolean;
  /** Shortest text that boto3 sends. */
  readonly minLength?: number;
  readonly description: string;
  readonly example: string;
}

export interface Action {
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  readonly accessLevel: AccessLevel;
  readonly repeat: Repeat;
  readonly service: Service;
  readonly operation: string;
  readonly inputs: readonly ActionInput[];
  readonly output: { readonly kind: 'object' } | { readonly kind: 'rows'; readonly member: string };
  /** Dotted paths within the result (or within one row) that hold secrets. */
  readonly secretOutputs: readonly string[];
}

const roleArnInput: ActionInput = {
  label: 'Role Arn',
  member: null,
  role: 'role_arn',
  type: 'text',
  required: false,
  blankMeansDefault: true,
  description: "The role to assume before the call. Blank: the connection's own identity.",
  example: '{{role_arn}}',
};

const maxItemsInput: ActionInput = {
  label: 'Max Items',
  member: null,
  role: 'max_items',
  type: 'integer',
  required: false,
  blankMeansDefault: true,
  description: 'The largest number of rows of the whole listing. Blank: all.',
  example: '100',
};

const pagingMembers: ReadonlySet<string> = new Set(['IsTruncated', 'Marker']);

function outputOf(output: Shape | null): Action['output'] {
  if (output?.kind !== 'structure' || !output.members.has('IsTruncated')) return { kind: 'object' };
  const own = [...output.members].filter(([name]) => !pagingMembers.has(name));
  const [only] = own;
  return own.length === 1 && only !== undefined && only[1].shape().kind === 'list'
    ? { kind: 'rows', member: only[0] }
    : { kind: 'object' };
}

function inputType(row: ActionRow, shape: Shape): ActionInput['type'] {
  if (shape.kind === 'text' || shape.kind === 'boolean' || shape.kind === 'integer') return shape.kind;
  throw new Error(`${row.name}: an input of the kind ${shape.kind} has no form yet`);
}

function buildInput(row: ActionRow, shapes: OperationShapes, input: InputRow): ActionInput {
  const member = shapes.input?.kind === 'structure' ? shapes.input.members.get(input.member) : undefined;
  if (member === undefined) throw new Error(`${row.name}: the SDK has no member ${input.member}`);
  const { label, description, example, oneOf, blankMeansDefault } = input;
  const type = inputType(row, member.shape());
  const minimum = type === 'text' ? minimums[input.member] : undefined;
  return {
    label,
    member: input.member,
    type,
    required: input.required ?? member.required,
    ...(oneOf === undefined ? {} : { oneOf }),
    ...(blankMeansDefault === undefined ? {} : { blankMeansDefault }),
    ...(minimum === undefined ? {} : { minLength: minimum }),
    description,
    example,
  };
}

function secretOutputs(output: Shape | null, form: Action['output']): readonly string[] {
  if (output === null) return [];
  const paths = sensitivePaths(output);
  if (form.kind === 'object') return paths;
  const prefix = `${form.member}.`;
  return paths.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
}

function buildAction(row: ActionRow): Action {
  const shapes = operationShapes(row.service, row.operation);
  if (shapes === null) throw new Error(`${row.name}: the SDK has no operation ${row.operation}`);
  const output = outputOf(shapes.output);
  const inputs = row.inputs.map((input) => buildInput(row, shapes, input));
  if (output.kind === 'rows') inputs.push(maxItemsInput);
  inputs.push(roleArnInput);
  return {
    name: row.name,
    displayName: row.displayName,
    description: row.description,
    accessLevel: row.accessLevel,
    repeat: row.repeat,
    service: row.service,
    operation: row.operation,
    inputs,
    output,
    secretOutputs: secretOutputs(shapes.output, output),
  };
}

export const actions: readonly Action[] = actionRows.map(buildAction);

const byName: ReadonlyMap<string, Action> = new Map(actions.map((action) => [action.name, action]));

export function findAction(name: string): Action | undefined {
  return byName.get(name);
}
