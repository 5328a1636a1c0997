// botocore's ParamValidator, for the shapes that IAM has: type, presence and minimum, all faults at once, in its words and its order. What
// else could be wrong (names, ARNs, upper limits) is AWS's to judge.
import { isRawNumber, type Json } from '../../protocol/json.ts';
import type { InputShape } from './action.ts';
import { pythonStr, pythonType } from './python-text.ts';

const shownFaults = 100;
const shownCharacters = 2_000;

/** Faults of one call. A row can hold a hundred thousand; the first are kept, short, and the others counted. */
export class Faults {
  readonly #lines: string[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(line: () => string): void {
    this.#count += 1;
    if (this.#lines.length >= shownFaults) return;
    const text = line();
    this.#lines.push(text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text);
  }

  lines(): readonly string[] {
    const more = this.#count - this.#lines.length;
    return more === 0 ? this.#lines : [...this.#lines, `(and ${more} more)`];
  }
}

const pythonTypes: Readonly<Record<InputShape['type'], string>> = {
  text: "<class 'str'>",
  integer: "<class 'int'>",
  boolean: "<class 'bool'>",
  list: "<class 'list'>, <class 'tuple'>",
  map: "<class 'dict'>",
  structure: "<class 'dict'>",
};

export interface Place {
  /** `Tags[0].Key`. */
  readonly name: string;
  /** The value is not to be shown. */
  readonly secret: boolean;
  readonly faults: Faults;
}

type JsonRecord = { readonly [name: string]: Json };

function isRecord(value: Json): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value);
}

const within = (place: Place, name: string): Place => ({ ...place, name });

/** Python counts characters, not UTF-16 units. */
const charactersOf = (text: string): number => Array.from(text).length;

function wrongType(shape: InputShape, value: Json, { name, secret, faults }: Place): void {
  faults.add(() => {
    const shown = secret ? '***' : pythonStr(value);
    return `Invalid type for parameter ${name}, value: ${shown}, type: ${pythonType(value)}, valid types: ${pythonTypes[shape.type]}`;
  });
}

function checkLength(length: number, min: number | undefined, { name, faults }: Place): void {
  if (min === undefined || length >= min) return;
  faults.add(() => `Invalid length for parameter ${name}, value: ${length}, valid min length: ${min}`);
}

function checkInteger(shape: InputShape & { type: 'integer' }, value: Json, place: Place): void {
  const isInteger =
    typeof value === 'number' ? Number.isSafeInteger(value) : isRawNumber(value) && /^-?\d+$/.test(value.rawJSON);
  if (!isInteger) {
    wrongType(shape, value, place);
    return;
  }
  const { min } = shape;
  const number = isRawNumber(value) ? Number(value.rawJSON) : Number(value);
  if (min === undefined || number >= min) return;
  place.faults.add(
    () => `Invalid value for parameter ${place.name}, value: ${pythonStr(value)}, valid min value: ${min}`,
  );
}

function checkUnion(given: number, members: string, { name, faults }: Place): void {
  // botocore has no blank before "structure".
  if (given === 0)
    faults.add(() => `Must set one of the following keys for tagged unionstructure ${name}: ${members}.`);
  else if (given > 1) {
    const rule = `Can only set one of the following keys: ${members}.`;
    faults.add(() => `Invalid number of parameters set for tagged union structure ${name}. ${rule}`);
  }
}

function checkStructure(shape: InputShape & { type: 'structure' }, value: JsonRecord, place: Place): void {
  const { name: here, faults } = place;
  const known = new Map(Object.entries(shape.members));
  const members = [...known.keys()].join(', ');
  const given = Object.entries(value);
  if (shape.union === true) checkUnion(given.length, members, place);
  for (const name of shape.required)
    if (!Object.hasOwn(value, name)) faults.add(() => `Missing required parameter in ${here}: "${name}"`);
  for (const [name] of given)
    if (!known.has(name)) faults.add(() => `Unknown parameter in ${here}: "${name}", must be one of: ${members}`);
  for (const [name, inner] of given) {
    const member = known.get(name);
    if (member !== undefined) validate(member, inner, within(place, `${here}.${name}`));
  }
}

/** Adds botocore's lines to the place's faults, one for each fault; none when boto3 would send the value. */
export function validate(shape: InputShape, value: Json, place: Place): void {
  const { name } = place;
  switch (shape.type) {
    case 'text':
      if (typeof value === 'string') checkLength(charactersOf(value), shape.min, place);
      else wrongType(shape, value, place);
      return;
    case 'integer':
      checkInteger(shape, value, place);
      return;
    case 'boolean':
      if (typeof value !== 'boolean') wrongType(shape, value, place);
      return;
    case 'list':
      if (Array.isArray(value)) {
        checkLength(value.length, shape.min, place);
        for (const [at, item] of value.entries()) validate(shape.item, item, within(place, `${name}[${at}]`));
      } else wrongType(shape, value, place);
      return;
    case 'map':
      if (isRecord(value)) {
        for (const [key, inner] of Object.entries(value)) {
          validate(shape.key, key, within(place, `${name} (key: ${key})`));
          validate(shape.value, inner, within(place, `${name}.${key}`));
        }
      } else wrongType(shape, value, place);
      return;
    case 'structure':
      if (isRecord(value)) checkStructure(shape, value, place);
      else wrongType(shape, value, place);
      return;
    default:
      shape satisfies never;
  }
}
