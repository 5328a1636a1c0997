// botocore's ParamValidator, for the shapes that IAM has: type, presence and minimum, all faults at once, in its words and its order. What
// else could be wrong (names, ARNs, upper limits) is AWS's to judge.
import { isRawNumber, type Json } from '../../protocol/json.ts';
import type { InputShape } from './action.ts';
import { pythonStr, pythonType } from './python-text.ts';

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
}

type JsonRecord = { readonly [name: string]: Json };

function isRecord(value: Json): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value);
}

/** Python counts characters, not UTF-16 units. */
const charactersOf = (text: string): number => Array.from(text).length;

function wrongType(shape: InputShape, value: Json, { name, secret }: Place): string[] {
  const shown = secret ? '***' : pythonStr(value);
  return [
    `Invalid type for parameter ${name}, value: ${shown}, type: ${pythonType(value)}, valid types: ${pythonTypes[shape.type]}`,
  ];
}

function tooShort(length: number, min: number | undefined, { name }: Place): string[] {
  if (min === undefined || length >= min) return [];
  return [`Invalid length for parameter ${name}, value: ${length}, valid min length: ${min}`];
}

function checkInteger(shape: InputShape & { type: 'integer' }, value: Json, place: Place): string[] {
  const isInteger =
    typeof value === 'number' ? Number.isInteger(value) : isRawNumber(value) && /^-?\d+$/.test(value.rawJSON);
  if (!isInteger) return wrongType(shape, value, place);
  const number = isRawNumber(value) ? Number(value.rawJSON) : Number(value);
  if (shape.min === undefined || number >= shape.min) return [];
  return [`Invalid value for parameter ${place.name}, value: ${pythonStr(value)}, valid min value: ${shape.min}`];
}

function unionFaults(given: number, known: readonly string[], { name }: Place): string[] {
  const members = known.join(', ');
  // botocore has no blank before "structure".
  if (given === 0) return [`Must set one of the following keys for tagged unionstructure ${name}: ${members}.`];
  if (given === 1) return [];
  return [
    `Invalid number of parameters set for tagged union structure ${name}. Can only set one of the following keys: ${members}.`,
  ];
}

function checkStructure(shape: InputShape & { type: 'structure' }, value: JsonRecord, place: Place): string[] {
  const known = Object.keys(shape.members);
  const given = Object.keys(value);
  return [
    ...(shape.union === true ? unionFaults(given.length, known, place) : []),
    ...shape.required
      .filter((name) => !given.includes(name))
      .map((name) => `Missing required parameter in ${place.name}: "${name}"`),
    ...given
      .filter((name) => !known.includes(name))
      .map((name) => `Unknown parameter in ${place.name}: "${name}", must be one of: ${known.join(', ')}`),
    ...given.flatMap((name) => {
      const member = known.includes(name) ? shape.members[name] : undefined;
      return member === undefined
        ? []
        : faultsOf(member, value[name] ?? null, { ...place, name: `${place.name}.${name}` });
    }),
  ];
}

/** botocore's lines, one for each fault; none when boto3 would send the value. */
export function faultsOf(shape: InputShape, value: Json, place: Place): string[] {
  switch (shape.type) {
    case 'text':
      return typeof value === 'string'
        ? tooShort(charactersOf(value), shape.min, place)
        : wrongType(shape, value, place);
    case 'integer':
      return checkInteger(shape, value, place);
    case 'boolean':
      return typeof value === 'boolean' ? [] : wrongType(shape, value, place);
    case 'list':
      if (!Array.isArray(value)) return wrongType(shape, value, place);
      return [
        ...tooShort(value.length, shape.min, place),
        ...value.flatMap((item: Json, at) => faultsOf(shape.item, item, { ...place, name: `${place.name}[${at}]` })),
      ];
    case 'map':
      if (!isRecord(value)) return wrongType(shape, value, place);
      return Object.entries(value).flatMap(([key, inner]) => [
        ...faultsOf(shape.key, key, { ...place, name: `${place.name} (key: ${key})` }),
        ...faultsOf(shape.value, inner, { ...place, name: `${place.name}.${key}` }),
      ]);
    case 'structure':
      return isRecord(value) ? checkStructure(shape, value, place) : wrongType(shape, value, place);
    default:
      return shape satisfies never;
  }
}
