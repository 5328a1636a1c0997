// A rendered text to the type that an input has. Values that are no text are left to the validation, except that a document may be given as
// what it holds.
import { isRefusal, refuse, type Refusal } from '../../protocol/error-codes.ts';
import { isRawNumber, type Json, stringifyJson } from '../../protocol/json.ts';
import type { ActionInput, InputShape } from './action.ts';
import { isContainer, readLiteral } from './literal.ts';

const shownCharacters = 100;

function wrong(input: ActionInput, text: string, wanted: string): Refusal {
  const shown =
    input.secret === true
      ? '***'
      : JSON.stringify(text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text);
  return refuse('invalid_input', `"${input.label}" is ${shown}; it must be ${wanted}.`);
}

function toInteger(input: ActionInput, text: string): Json | Refusal {
  if (/^\s*[+-]?\d{1,15}\s*$/.test(text)) return Number(text);
  return wrong(input, text, input.required ? 'a whole number' : 'a whole number, or blank');
}

function toBoolean(input: ActionInput, text: string): Json | Refusal {
  const word = text.trim().toLowerCase();
  return word === 'true' || word === 'false' ? word === 'true' : wrong(input, text, 'True or False');
}

function toContainer(input: ActionInput, text: string, opening: string, wanted: string): Json | Refusal {
  const literal = readLiteral(text);
  const found = literal.kind === 'none' ? undefined : literal.value;
  if (found !== undefined && isContainer(found) && Array.isArray(found) === (opening === '[')) return found;
  return wrong(input, text, wanted);
}

function toList(input: ActionInput, shape: InputShape & { type: 'list' }, text: string): Json | Refusal {
  // A text that is no list is the list's one item: names may hold commas, and documents line breaks.
  const one = shape.item.type === 'text' && !text.trimStart().startsWith('[');
  if (one) return [shape.item.type === 'text' && shape.item.json === true ? toDocument(text) : text];
  return toContainer(input, text, '[', 'a list: a JSON array, or a list as a template prints it');
}

/** A document may be given as what it holds. */
function withDocuments(shape: InputShape, value: Json): Json {
  if (shape.type === 'text' && shape.json === true && isContainer(value)) return stringifyJson(value);
  return shape.type === 'list' && Array.isArray(value)
    ? value.map((item: Json) => withDocuments(shape.item, item))
    : value;
}

/** A document as a template prints a dict of a row is made JSON; any other text is AWS's to judge. */
function toDocument(text: string): string {
  if (!/^\s*[[{]/.test(text)) return text;
  const literal = readLiteral(text);
  return literal.kind === 'python' && isContainer(literal.value) ? stringifyJson(literal.value) : text;
}

function readText(input: ActionInput, value: string): Json | Refusal {
  const { shape } = input;
  switch (shape.type) {
    case 'text':
      return shape.json === true ? toDocument(value) : value;
    case 'integer':
      return toInteger(input, value);
    case 'boolean':
      return toBoolean(input, value);
    case 'list':
      return toList(input, shape, value);
    case 'map':
    case 'structure':
      return toContainer(input, value, '{', 'a JSON object, or a dict as a template prints it');
    default:
      return shape satisfies never;
  }
}

/** Refusals: invalid_input. */
export function coerce(input: ActionInput, given: Json): Json | Refusal {
  const read = typeof given === 'string' ? readText(input, given) : given;
  if (isRefusal(read)) return read;
  if (input.shape.type === 'integer' && isRawNumber(read) && !Number.isSafeInteger(Number(read.rawJSON)))
    return wrong(input, read.rawJSON, 'a whole number below 2^53');
  const value = withDocuments(input.shape, read);
  return isWellFormed(value)
    ? value
    : refuse('invalid_input', `"${input.label}" holds half a character (a lone surrogate).`);
}

/** In every text and name: the SDK's serialiser throws at half a character, wherever it stands. */
function isWellFormed(value: Json): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null || isRawNumber(value)) return true;
  if (Array.isArray(value)) return value.every(isWellFormed);
  return Object.entries(value).every(([name, inner]) => name.isWellFormed() && isWellFormed(inner));
}
