// The input of one call to the body of its request (AWS Query protocol), by the SDK's exported schemas. Every call writes a text of its own:
// nothing of one can be left in another. What the schema does not name, or has another type, is a bug and is thrown, never left out.
import { isRawNumber, type Json } from '../../protocol/json.ts';
import { operationShapes, type Service, type Shape } from './schema.ts';

/** Its message names the parameter, never a value. */
class EncodeError extends Error {
  override readonly name = 'EncodeError';
}

const unreserved = /^[\w.~-]*$/;

/** RFC 3986; encodeURIComponent leaves five characters. @throws URIError for half a character (a lone surrogate). */
export function percentEncode(text: string): string {
  if (unreserved.test(text)) return text;
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}

function wrongType(name: string): EncodeError {
  return new EncodeError(`${name} has another type than the SDK's schema says`);
}

function pair(name: string, text: string): string {
  return `&${percentEncode(name)}=${percentEncode(text)}`;
}

type JsonRecord = { readonly [name: string]: Json };

function isRecord(value: Json): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value);
}

function encodeMembers(shape: Extract<Shape, { kind: 'structure' }>, value: JsonRecord, prefix: string): string {
  for (const name of Object.keys(value))
    if (!shape.members.has(name)) throw new EncodeError(`${prefix}${name} is not in the SDK's schema`);
  let text = '';
  for (const [name, member] of shape.members) {
    const inner = value[name];
    if (inner !== undefined && inner !== null) text += encodeValue(member.shape(), inner, prefix + member.wireName);
  }
  return text;
}

function encodeMap(shape: Extract<Shape, { kind: 'map' }>, value: JsonRecord, name: string): string {
  let text = '';
  for (const [index, [key, inner]] of Object.entries(value).entries()) {
    const entry = `${name}.entry.${index + 1}`;
    text += pair(`${entry}.key`, key) + encodeValue(shape.value(), inner, `${entry}.value`);
  }
  return text;
}

function encodeList(shape: Extract<Shape, { kind: 'list' }>, value: readonly Json[], name: string): string {
  // Said, or AWS would take it as a list that was not given.
  if (value.length === 0) return pair(name, '');
  return value.map((item, index) => encodeValue(shape.item(), item, `${name}.member.${index + 1}`)).join('');
}

function encodeValue(shape: Shape, value: Json, name: string): string {
  switch (shape.kind) {
    case 'text':
      if (typeof value === 'string') return pair(name, value);
      break;
    case 'boolean':
      if (typeof value === 'boolean') return pair(name, String(value));
      break;
    case 'integer':
      if (typeof value === 'number') return pair(name, String(value));
      if (isRawNumber(value)) return pair(name, value.rawJSON);
      break;
    case 'list':
      if (Array.isArray(value)) return encodeList(shape, value, name);
      break;
    case 'map':
      if (isRecord(value)) return encodeMap(shape, value, name);
      break;
    case 'structure':
      if (isRecord(value)) return encodeMembers(shape, value, `${name}.`);
      break;
    case 'timestamp':
    case 'blob':
      // No operation of IAM takes one; which of their forms would be meant is not to be guessed.
      break;
    default:
      return shape satisfies never;
  }
  throw wrongType(name);
}

/** The body. @throws EncodeError, URIError (half a character): the call cannot be made. */
export function encodeRequest(
  service: Service,
  operation: string,
  version: string,
  input: Readonly<Record<string, Json>>,
): string {
  const shapes = operationShapes(service, operation);
  if (shapes === null) throw new EncodeError(`the SDK has no operation ${operation}`);
  const head = `Action=${operation}&Version=${version}`;
  if (shapes.input?.kind === 'structure') return head + encodeMembers(shapes.input, input, '');
  if (Object.keys(input).length > 0) throw new EncodeError(`${operation} takes no input`);
  return head;
}
