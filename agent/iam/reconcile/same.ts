// Whether what AWS shows is what was asked for. Documents are compared as what they say: AWS hands them back written in another way.
import { isRawNumber, type Json, parseJson } from '../../../protocol/json.ts';
import type { InputShape } from '../action.ts';
import { isObject, textOf } from './rule.ts';

/** A policy with what may be written in two ways written in one: order, a list of one, an account id as a principal, `true` as a text. */
function canonical(value: Json): Json {
  if (typeof value === 'string') return value.replace(/^arn:aws[a-z-]*:iam::(\d{12}):root$/, '$1');
  if (Array.isArray(value)) {
    const items = value.map(canonical);
    const [only] = items;
    if (items.length === 1 && only !== undefined) return only;
    return items.toSorted((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1));
  }
  if (!isObject(value)) return value === null ? null : textOf(value);
  const members = Object.entries(value).map(([name, inner]): [string, Json] => [name, canonical(inner)]);
  return Object.fromEntries(members.toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

function parsed(value: Json): Json {
  if (typeof value !== 'string') return value;
  try {
    return parseJson(value);
  } catch {
    return value;
  }
}

const printed = (value: Json): string => JSON.stringify(value);

/** `wanted` as the call gave it, `found` as the answer has it. */
export function isSame(shape: InputShape, wanted: Json, found: Json | undefined): boolean {
  if (found === undefined) return false;
  switch (shape.type) {
    case 'text': {
      if (shape.json === true) return printed(canonical(parsed(wanted))) === printed(canonical(parsed(found)));
      return printed(plain(wanted)) === printed(plain(found));
    }
    case 'list':
      return Array.isArray(wanted) && Array.isArray(found) && sorted(wanted) === sorted(found);
    case 'map': {
      // What is not named stays as it was.
      if (!isObject(wanted) || !isObject(found)) return false;
      return Object.entries(wanted).every(([key, value]) => isSame(shape.value, value, found[key]));
    }
    case 'integer':
    case 'boolean':
    case 'structure':
      return printed(wanted) === printed(found);
    default:
      return shape satisfies never;
  }
}

/** AWS may write the ends of lines of certificates and metadata anew, and takes white space around them away. */
const plain = (value: Json): Json => (typeof value === 'string' ? value.replaceAll('\r\n', '\n').trim() : value);
const sorted = (items: readonly Json[]): string => items.map(printed).sort().join();

/** A short value in words; what is long or no scalar is not shown. */
export function shortText(value: Json | undefined): string {
  if (value === undefined) return 'absent';
  if (isRawNumber(value)) return value.rawJSON;
  if (typeof value === 'object' || (typeof value === 'string' && value.length > 100)) return 'another';
  return JSON.stringify(value);
}
