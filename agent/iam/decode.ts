// The raw answer of AWS to what boto3 would return for it, as JSON. Follows the SDK's exported schemas; nothing the schemas do not name comes
// through. A malformed or empty success is a fault, never an empty result: for a new access key that is the difference between lost and told.
import { type Json, rawNumber } from '../../protocol/json.ts';
import type { CallAnswer } from './iam-caller.ts';
import { decodePolicy, policyMembers } from './policy-document.ts';
import { type Member, operationShapes, sensitivePaths, type Service, type Shape } from './schema.ts';
import { printTimestamp } from './timestamp.ts';
import { child, isXmlFault, readXml, type XmlElement } from './xml.ts';

export type JsonObject = { [member: string]: Json };
type Answer = Extract<CallAnswer, { kind: 'answer' }>;

export type Decoded =
  | { readonly kind: 'result'; readonly result: JsonObject; readonly requestId: string | null }
  | {
      readonly kind: 'service_error';
      readonly status: number;
      readonly code: string;
      readonly message: string;
      readonly requestId: string | null;
    }
  | { readonly kind: 'malformed'; readonly detail: string; readonly requestId: string | null };

class Malformed extends Error {}

function textOf(element: XmlElement): string {
  return element.text;
}

/** The most digits that Python's int() takes. */
const integerDigits = 4300;

function decodeInteger(text: string): Json {
  // Before the pattern, which would need a stack as deep as the text is long.
  if (text.length > 2 * integerDigits) throw new Malformed('a number that is none');
  // What Python's int() takes.
  if (!/^\s*[+-]?\d+(?:_\d+)*\s*$/.test(text)) throw new Malformed('a number that is none');
  const digits = text.trim().replaceAll('_', '').replace(/^\+/, '');
  if (digits.replace('-', '').length > integerDigits) throw new Malformed('a number that is none');
  const value = Number(digits);
  if (Number.isSafeInteger(value)) return value;
  return rawNumber(digits.replace(/^(-?)0+(?=\d)/, '$1'));
}

function decodeBlob(text: string): string {
  const clean = text.replaceAll(/[^A-Za-z0-9+/=]/g, '');
  let binary: string;
  try {
    binary = atob(clean);
  } catch {
    throw new Malformed('a blob that is not base64');
  }
  const bytes = Uint8Array.from(binary, (unit) => unit.charCodeAt(0));
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return btoa(binary);
  }
}

function decodeMap(shape: Extract<Shape, { kind: 'map' }>, element: XmlElement): Json {
  const entries: [string, Json][] = [];
  for (const entry of element.children) {
    const key = child(entry, 'key');
    const value = child(entry, 'value');
    if (key === undefined || value === undefined) throw new Malformed('a map entry without key and value');
    entries.push([textOf(key), decodeShape(shape.value(), value, '')]);
  }
  return Object.fromEntries(entries);
}

function decodeShape(shape: Shape, element: XmlElement, name: string): Json {
  switch (shape.kind) {
    case 'structure':
      return decodeMembers(shape.members, element);
    case 'list':
      return element.children.map((item) => decodeShape(shape.item(), item, ''));
    case 'map':
      return decodeMap(shape, element);
    case 'text':
      return policyMembers.has(name) ? decodePolicy(textOf(element)) : textOf(element);
    case 'boolean':
      return textOf(element) === 'true';
    case 'integer':
      return decodeInteger(textOf(element));
    case 'timestamp': {
      const printed = printTimestamp(textOf(element));
      if (printed === null) throw new Malformed('a timestamp that is none');
      return printed;
    }
    case 'blob':
      return decodeBlob(textOf(element));
    default:
      return shape satisfies never;
  }
}

function onlyChild({ children }: XmlElement, name: string): XmlElement | undefined {
  let found: XmlElement | undefined;
  for (const item of children) {
    if (item.name !== name) continue;
    if (found !== undefined) throw new Malformed('a member twice');
    found = item;
  }
  return found;
}

function decodeMembers(members: ReadonlyMap<string, Member>, element: XmlElement): JsonObject {
  const result: JsonObject = {};
  for (const [name, member] of members) {
    const found = onlyChild(element, member.wireName);
    if (found === undefined) continue;
    result[name] = decodeShape(member.shape(), found, name);
  }
  return result;
}

/** Required members that are missing, for calls whose loss would cost something. */
function missingMember(shape: Shape, value: Json, path: string): string | null {
  if (shape.kind !== 'structure' || typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  for (const [name, member] of shape.members) {
    const inner: unknown = Reflect.get(value, name);
    const here = path === '' ? name : `${path}.${name}`;
    if (inner === undefined || inner === '') {
      if (member.required) return here;
      continue;
    }
    const missing = missingMember(member.shape(), inner as Json, here);
    if (missing !== null) return missing;
  }
  return null;
}

/** The secrets of an answer when it has none of them: AWS fills one or the other. Null: one is there, or the operation has none. */
function missingSecrets(shape: Shape, result: JsonObject): string | null {
  const paths = sensitivePaths(shape);
  const found = paths.some((path) => {
    let value: unknown = result;
    for (const name of path.split('.')) {
      value = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
    }
    return value !== undefined && value !== '';
  });
  return paths.length === 0 || found ? null : paths.join(' and no ');
}

/** Lower-case names; repeated headers joined as both SDKs do. */
function headersOf(answer: Answer): JsonObject {
  const joined = new Map<string, string>();
  for (const [name, value] of answer.headers) {
    const key = name.toLowerCase();
    const before = joined.get(key);
    joined.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  return Object.fromEntries(joined);
}

const statusTexts: Readonly<Record<number, string>> = {
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  506: 'Variant Also Negotiates',
  507: 'Insufficient Storage',
  508: 'Loop Detected',
  510: 'Not Extended',
  511: 'Network Authentication Required',
};

function isGeneric(answer: Answer): boolean {
  if (answer.status < 500) return false;
  const text = typeof answer.body === 'string' ? answer.body : new TextDecoder().decode(answer.body.subarray(0, 256));
  return /^\s*(?:<html>|$)/.test(text) && (answer.body.length <= 256 || /^\s*<html>/.test(text));
}

// Python prints an empty element as None here, and a missing one as Unknown.
function errorText(block: XmlElement | undefined, name: string): string {
  const found = block === undefined ? undefined : child(block, name);
  if (found === undefined) return 'Unknown';
  return found.text === '' ? 'None' : found.text;
}

function decodeError(answer: Answer): Decoded {
  const { status } = answer;
  if (isGeneric(answer)) {
    return { kind: 'service_error', status, code: String(status), message: statusTexts[status] ?? '', requestId: null };
  }
  const root = readXml(answer.body);
  if (isXmlFault(root)) {
    return {
      kind: 'malformed',
      detail: `HTTP status ${status} with a body that is no XML: ${root.detail}`,
      requestId: null,
    };
  }
  const holder = child(root, 'Errors') ?? root;
  const block = child(holder, 'Error');
  const requestId = child(root, 'RequestId')?.text ?? null;
  return {
    kind: 'service_error',
    status,
    code: errorText(block, 'Code'),
    message: errorText(block, 'Message'),
    requestId,
  };
}

function metadataOf(root: XmlElement, answer: Answer): JsonObject {
  const metadata: JsonObject = {};
  for (const item of child(root, 'ResponseMetadata')?.children ?? []) {
    metadata[item.name] = item.text === '' ? null : item.text;
  }
  metadata['HTTPStatusCode'] = answer.status;
  metadata['HTTPHeaders'] = headersOf(answer);
  metadata['RetryAttempts'] = answer.attempts - 1;
  return metadata;
}

function decodeSuccess(service: Service, operation: string, answer: Answer, strict: boolean): Decoded {
  const shapes = operationShapes(service, operation);
  if (shapes === null) throw new Error(`the SDK has no operation ${operation}`);
  const malformed = (detail: string, requestId: string | null = null): Decoded => ({
    kind: 'malformed',
    detail: `HTTP status ${answer.status} with ${detail}`,
    requestId,
  });
  if (answer.body.length === 0) return malformed('an empty body');
  const root = readXml(answer.body);
  if (isXmlFault(root)) return malformed(`a body that is no XML: ${root.detail}`);
  if (root.name !== `${operation}Response`) return malformed('the answer to something else');
  const metadata = metadataOf(root, answer);
  const { RequestId: id } = metadata;
  const requestId = typeof id === 'string' ? id : null;
  let result: JsonObject = {};
  if (shapes.output !== null) {
    const wrapper = child(root, `${operation}Result`);
    if (wrapper === undefined) return malformed(`no ${operation}Result`, requestId);
    try {
      result = decodeShape(shapes.output, wrapper, '') as JsonObject;
    } catch (error) {
      if (error instanceof Malformed) return malformed(error.message, requestId);
      throw error;
    }
    const missing = strict ? (missingMember(shapes.output, result, '') ?? missingSecrets(shapes.output, result)) : null;
    if (missing !== null) return malformed(`no ${missing}`, requestId);
  }
  return { kind: 'result', result: { ...result, ResponseMetadata: metadata }, requestId };
}

/**
 * Decodes an answer. `strict` refuses a success without the members that the SDK calls required, or without any of its secrets; boto3 lets it
 * through, but for a call that makes something it hides the loss.
 */
export function decodeAnswer(service: Service, operation: string, answer: Answer, strict = false): Decoded {
  return answer.status >= 300 ? decodeError(answer) : decodeSuccess(service, operation, answer, strict);
}
