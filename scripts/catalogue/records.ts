// One record of the catalogue for each operation: the SDK says which operations, members and secrets there are, botocore in which order they
// stand and what boto3 checks, iam-data who may be allowed it, and by-hand.ts the rest. Whatever they disagree on is an error here.
import * as iamSdk from '@aws-sdk/client-iam';
import type { Action, ActionInput, ActionOutput, ActionTexts, InputShape, Repeat } from '../../agent/iam/action.ts';
import {
  operationShapes,
  type OperationShapes,
  sensitivePaths,
  type Service,
  type Shape,
} from '../../agent/iam/schema.ts';
import * as byHand from './by-hand.ts';
import { accessLevel, type BotocoreFacts, type OperationFacts } from './facts.ts';

const pagingMembers: ReadonlySet<string> = new Set(['IsTruncated', 'isTruncated', 'Marker', 'MaxItems']);

/** The words of a name: "SSHPublicKeyId" is SSH, Public, Key, Id. */
function wordsOf(name: string): readonly string[] {
  return name.match(/[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+/g) ?? [name];
}

const shortWords: Readonly<Record<string, string>> = { Arn: 'ARN', Id: 'ID' };

function labelOf(member: string): string {
  return (
    byHand.labels[member] ??
    wordsOf(member)
      .map((word) => shortWords[word] ?? word)
      .join(' ')
  );
}

function sdkOperations(): readonly string[] {
  return Object.keys(iamSdk)
    .filter((name) => name.endsWith('$') && operationShapes('iam', name.slice(0, -1)) !== null)
    .map((name) => name.slice(0, -1));
}

const sdkType: Readonly<Record<Shape['kind'], InputShape['type'] | null>> = {
  text: 'text',
  integer: 'integer',
  boolean: 'boolean',
  list: 'list',
  map: 'map',
  structure: 'structure',
  // No operation of IAM takes them; the first that does needs a form here and in agent/iam/coerce.ts.
  timestamp: null,
  blob: null,
};

/** The shape of botocore without the members that the installed SDK does not have. */
function shapeOf(place: string, sdk: Shape, model: InputShape): InputShape {
  if (sdkType[sdk.kind] !== model.type) throw new Error(`${place}: ${sdk.kind} in the SDK, ${model.type} in botocore`);
  if (sdk.kind === 'list' && model.type === 'list')
    return { ...model, item: shapeOf(`${place}[]`, sdk.item(), model.item) };
  if (sdk.kind === 'map' && model.type === 'map')
    return { ...model, value: shapeOf(`${place}{}`, sdk.value(), model.value) };
  if (sdk.kind !== 'structure' || model.type !== 'structure') return model;
  const absent = [...sdk.members.keys()].filter((name) => model.members[name] === undefined);
  if (absent.length > 0) throw new Error(`${place}: botocore does not have ${absent.join(', ')}`);
  const members = Object.entries(model.members).flatMap(([name, inner]) => {
    const member = sdk.members.get(name);
    return member === undefined ? [] : [[name, shapeOf(`${place}.${name}`, member.shape(), inner)] as const];
  });
  const required = model.required.filter((name) => sdk.members.has(name));
  const sdkRequired = [...sdk.members].filter(([, member]) => member.required).map(([name]) => name);
  if (sdkRequired.some((name) => !required.includes(name)))
    throw new Error(`${place}: the SDK requires ${sdkRequired.join(', ')}, botocore ${required.join(', ')}`);
  return { ...model, required, members: Object.fromEntries(members) };
}

function outputOf(output: Shape | null): ActionOutput {
  if (output?.kind !== 'structure') return { kind: 'object' };
  const own = [...output.members].filter(([name]) => !pagingMembers.has(name));
  const lists = own.filter(([, member]) => member.shape().kind === 'list').map(([name]) => name);
  const paged = output.members.has('Marker');
  const [only] = lists;
  if (only !== undefined && own.length === 1) return { kind: 'rows', member: only, paged };
  return paged ? { kind: 'object', lists } : { kind: 'object' };
}

function secretOutputs(output: Shape | null, form: ActionOutput): readonly string[] {
  if (output === null) return [];
  const paths = sensitivePaths(output);
  if (form.kind === 'object') return paths;
  const prefix = `${form.member}.`;
  return paths.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
}

function repeatOf(operation: string, level: Action['accessLevel']): Repeat {
  if (level === 'list' || level === 'read') return 'safe';
  const [verb = ''] = wordsOf(operation);
  const repeat = byHand.repeatByOperation[operation] ?? byHand.repeatByVerb[verb];
  if (repeat === undefined) throw new Error(`${operation}: by-hand.ts does not say what a second call does`);
  return repeat;
}

function inputsOf(operation: string, shapes: OperationShapes, model: InputShape | null, repeat: Repeat): ActionInput[] {
  if (shapes.input?.kind !== 'structure' || model?.type !== 'structure') return [];
  const shape = shapeOf(operation, shapes.input, model);
  if (shape.type !== 'structure') return [];
  const secrets = new Set(sensitivePaths(shapes.input));
  const order = byHand.inputOrder[operation] ?? [];
  const rank = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  return Object.entries(shape.members)
    .filter(([name]) => !pagingMembers.has(name))
    .toSorted(([left], [right]) => rank(left) - rank(right))
    .map(([member, inner]) => {
      const needed = shape.required.includes(member);
      const userName = member === 'UserName' && !needed;
      const required = needed || (userName && (repeat !== 'safe' || byHand.userNameRequired.has(operation)));
      const oneOf = byHand.selects[operation]?.[member];
      return {
        label: labelOf(member),
        member,
        shape: inner,
        required,
        ...(userName && !required ? { neverBlank: true as const } : {}),
        ...(oneOf === undefined ? {} : { oneOf }),
        ...(byHand.mayBeBlank[operation]?.includes(member) === true ? { mayBeBlank: true as const } : {}),
        ...(secrets.has(member) || byHand.secretInputs.has(member) ? { secret: true as const } : {}),
      };
    });
}

export interface Built {
  readonly record: Action;
  readonly texts: ActionTexts;
}

function textsOf(operation: string, facts: OperationFacts, inputs: readonly ActionInput[]): ActionTexts {
  const texts = inputs.map(({ member }) => {
    const own = byHand.inputTexts[operation]?.[member] ?? byHand.inputTexts['']?.[member];
    return [member, own ?? facts.texts[member] ?? ''] as const;
  });
  return { description: byHand.descriptions[operation] ?? facts.text, inputs: Object.fromEntries(texts) };
}

async function build(service: Service, operation: string, botocore: BotocoreFacts): Promise<Built> {
  const shapes = operationShapes(service, operation);
  const facts = botocore.operation(service, operation);
  if (shapes === null || facts === null)
    throw new Error(`${operation} is not in ${shapes === null ? 'the SDK' : `botocore ${botocore.version}`}`);
  const level = byHand.levels[operation] ?? (await accessLevel(service, operation));
  if (level === null) throw new Error(`${operation}: iam-data does not have it and by-hand.ts names no access level`);
  const repeat = repeatOf(operation, level);
  const output = outputOf(shapes.output);
  const inputs = inputsOf(operation, shapes, facts.input, repeat);
  const name = byHand.stsActions[operation] ?? facts.method;
  const displayName = service === 'sts' && name !== facts.method ? capitalised(name) : wordsOf(operation).join(' ');
  const record: Action = {
    name,
    displayName,
    accessLevel: level,
    repeat,
    service,
    operation,
    inputs,
    output,
    secretOutputs: secretOutputs(shapes.output, output),
  };
  return { record, texts: textsOf(operation, facts, inputs) };
}

const capitalised = (name: string): string =>
  name
    .split('_')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join(' ');

/** In the order of their names. */
export async function buildCatalogue(botocore: BotocoreFacts): Promise<readonly Built[]> {
  const wanted: [Service, string][] = [
    ...sdkOperations().map((operation): [Service, string] => ['iam', operation]),
    ...Object.keys(byHand.stsActions).map((operation): [Service, string] => ['sts', operation]),
  ];
  const built: Built[] = [];
  for (const [service, operation] of wanted) built.push(await build(service, operation, botocore));
  return built.toSorted((left, right) => (left.record.name < right.record.name ? -1 : 1));
}
