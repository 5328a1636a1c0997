// What people are told about an action: texts, types and examples. Apart from the catalogue, because the daemon needs none of it.
import type { Action, ActionInput, InputShape } from './action.ts';
import { agentInputTexts } from './agent-inputs.ts';
import { generatedTexts } from './catalogue-texts.generated.ts';

export interface InputGuide extends ActionInput {
  readonly type: string;
  readonly description: string;
  /** A template for it. */
  readonly example: string;
}

export interface ActionGuide extends Omit<Action, 'inputs'> {
  readonly description: string;
  readonly inputs: readonly InputGuide[];
}

/** The published integration's own names of columns. */
const columns: Readonly<Record<string, string>> = {
  UserName: '{{aws_username_column_name}}',
  AccessKeyId: '{{aws_iam_column_name}}',
  PolicyArn: '{{policy_column_name}}',
  RoleArn: '{{role_arn}}',
  MaxItems: '100',
  WaitSeconds: '300',
};

function typeText(shape: InputShape): string {
  switch (shape.type) {
    case 'text':
      return shape.json === true ? 'JSON document' : 'text';
    case 'integer':
    case 'boolean':
      return shape.type;
    case 'list':
      return `list of ${typeText(shape.item)}`;
    case 'map':
      return `map of ${typeText(shape.value)}`;
    case 'structure':
      return `{${Object.keys(shape.members).join(', ')}}`;
    default:
      return shape satisfies never;
  }
}

/** A value of the shape, as JSON. */
function sample(shape: InputShape): string {
  switch (shape.type) {
    case 'text':
      return JSON.stringify(shape.values?.[0] ?? '…');
    case 'integer':
      return String(shape.min ?? 1);
    case 'boolean':
      return 'true';
    case 'list':
      return `[${sample(shape.item)}]`;
    case 'map':
      return `{"…": ${sample(shape.value)}}`;
    case 'structure':
      return `{${Object.entries(shape.members)
        .map(([name, inner]) => `${JSON.stringify(name)}: ${sample(inner)}`)
        .join(', ')}}`;
    default:
      return shape satisfies never;
  }
}

const columnOf = ({ label }: ActionInput): string => label.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_');

function exampleOf(input: ActionInput): string {
  const { shape } = input;
  const known = columns[input.member];
  if (known !== undefined) return known;
  if (shape.type === 'boolean') return 'True';
  if (shape.type === 'integer') return `{{ ${columnOf(input)} }}`;
  if (shape.type === 'text') {
    const value = input.oneOf?.[0] ?? shape.values?.[0];
    return value ?? `{{ ${columnOf(input)} }}`;
  }
  return sample(shape);
}

export function guideOf(action: Action): ActionGuide {
  const texts = generatedTexts[action.name];
  const inputs = action.inputs.map((input) => ({
    ...input,
    type: typeText(input.shape),
    description: (input.role === undefined ? texts?.inputs[input.member] : agentInputTexts[input.member]) ?? '',
    example: exampleOf(input),
  }));
  return { ...action, description: texts?.description ?? '', inputs };
}

/** What may stand there, as far as it is known. */
export function valuesOf(input: ActionInput): readonly string[] {
  const { shape } = input;
  const inner = shape.type === 'list' ? shape.item : shape;
  return input.oneOf ?? (inner.type === 'text' ? (inner.values ?? []) : []);
}

/** A command to begin with: the inputs that must be there. */
export function commandOf(guide: ActionGuide): string {
  const sets = guide.inputs
    .filter(({ required }) => required)
    .map(({ label, example }) => ` --set '${label}=${example.replaceAll("'", String.raw`'\''`)}'`);
  const rows = sets.some((set) => set.includes('{{')) ? ' --rows rows.csv' : '';
  return `iam-agent exec ${guide.name} --connection prod${rows}${sets.join('')}`;
}

export function outputText({ output, inputs }: Action): string {
  if (output.kind === 'rows') return `one result for each of ${output.member}`;
  const alternative = inputs.some(({ role }) => role === 'as_rows') ? '; with As Rows one for each item' : '';
  return `one result: what the API answers${output.lists === undefined ? '' : ', its pages merged'}${alternative}`;
}
