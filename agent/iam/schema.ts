// Reads the SDK's exported schemas (tuples of numbers, names and thunks) into one small named form. The only file that knows that encoding;
// it reads data and never runs a client.
import * as iamSdk from '@aws-sdk/client-iam';
import * as stsSdk from '@aws-sdk/client-sts';

export type Service = 'iam' | 'sts';

export type Shape =
  | { readonly kind: 'structure'; readonly members: ReadonlyMap<string, Member>; readonly sensitive: boolean }
  | { readonly kind: 'list'; readonly item: () => Shape; readonly sensitive: boolean }
  | { readonly kind: 'map'; readonly value: () => Shape; readonly sensitive: boolean }
  | { readonly kind: 'text' | 'boolean' | 'integer' | 'timestamp' | 'blob'; readonly sensitive: boolean };

export interface Member {
  /** Element name in the answer. */
  readonly wireName: string;
  readonly required: boolean;
  readonly sensitive: boolean;
  readonly shape: () => Shape;
}

export interface OperationShapes {
  readonly name: string;
  /** Null: the operation takes no input, or its answer has no members. */
  readonly input: Shape | null;
  readonly output: Shape | null;
}

const sensitiveBit = 8;
const listBit = 64;
const mapBit = 128;

interface Traits {
  readonly sensitive: boolean;
  readonly xmlName: string | null;
}

function readTraits(raw: unknown): Traits {
  if (typeof raw === 'number') return { sensitive: (raw & sensitiveBit) !== 0, xmlName: null };
  if (typeof raw !== 'object' || raw === null) return { sensitive: false, xmlName: null };
  const xmlName: unknown = Reflect.get(raw, 'xmlName');
  return { sensitive: Reflect.get(raw, 'sensitive') === 1, xmlName: typeof xmlName === 'string' ? xmlName : null };
}

function thunk(raw: unknown): unknown {
  return typeof raw === 'function' ? (raw as () => unknown)() : raw;
}

/** Shapes may contain themselves, so they are read as far as they are asked for; and once, since every call asks. */
function once<T>(read: () => T): () => T {
  let kept: { readonly value: T } | null = null;
  return () => (kept ??= { value: read() }).value;
}

function scalar(code: number): Shape['kind'] {
  if (code === 2) return 'boolean';
  if (code === 1 || code === 17) return 'integer';
  if (code >= 4 && code <= 7) return 'timestamp';
  if (code === 21) return 'blob';
  if (code === 0) return 'text';
  throw new Error(`the SDK uses a schema code that this agent does not know: ${code}`);
}

function simple(code: number, sensitive: boolean): Shape {
  if ((code & mapBit) !== 0) return { kind: 'map', value: once(() => simple(code & ~mapBit, false)), sensitive };
  if ((code & listBit) !== 0) return { kind: 'list', item: once(() => simple(code & ~listBit, false)), sensitive };
  const kind = scalar(code);
  if (kind === 'structure' || kind === 'list' || kind === 'map') throw new Error('a scalar code named a container');
  return { kind, sensitive };
}

function readShape(ref: unknown): Shape {
  const raw = thunk(ref);
  if (typeof raw === 'number') return simple(raw, false);
  if (!Array.isArray(raw)) throw new Error('the SDK exports a schema in a form that this agent does not know');
  const parts: readonly unknown[] = raw;
  // A member schema is [reference, traits]; a named one starts with a number.
  if (typeof parts[0] !== 'number') return marked(readShape(parts[0]), readTraits(parts[1]).sensitive);
  const { sensitive } = readTraits(parts[3]);
  switch (parts[0]) {
    case 0:
      return marked(readShape(parts[4]), sensitive);
    case 1:
      return { kind: 'list', item: once(() => readShape(parts[4])), sensitive };
    case 2:
      return { kind: 'map', value: once(() => readShape(parts[5])), sensitive };
    case 3:
    case 4:
      return { kind: 'structure', members: readMembers(parts), sensitive };
    default:
      throw new Error(`the SDK uses a schema kind that this agent does not know: ${parts[0]}`);
  }
}

function marked(shape: Shape, sensitive: boolean): Shape {
  return sensitive && !shape.sensitive ? { ...shape, sensitive } : shape;
}

function readMembers(parts: readonly unknown[]): ReadonlyMap<string, Member> {
  const names: readonly unknown[] = Array.isArray(parts[4]) ? parts[4] : [];
  const refs: readonly unknown[] = Array.isArray(parts[5]) ? parts[5] : [];
  // The SDK sorts required members first and gives their number.
  const required = typeof parts[6] === 'number' ? parts[6] : 0;
  const members = new Map<string, Member>();
  for (const [index, name] of names.entries()) {
    if (typeof name !== 'string') throw new Error('the SDK exports a member without a name');
    const ref = refs[index];
    const own = readTraits(Array.isArray(ref) && typeof ref[0] !== 'number' ? ref[1] : 0);
    const shape = once(() => readShape(ref));
    members.set(name, {
      wireName: own.xmlName ?? name,
      required: index < required,
      get sensitive() {
        return own.sensitive || shape().sensitive;
      },
      shape,
    });
  }
  return members;
}

/** What was read of the SDK's constants; they do not change. */
const known: Readonly<Record<Service, Map<string, OperationShapes | null>>> = { iam: new Map(), sts: new Map() };

/** The shapes of an operation, or null when the installed SDK does not have it. */
export function operationShapes(service: Service, operation: string): OperationShapes | null {
  let shapes: OperationShapes | null | undefined = known[service].get(operation);
  if (shapes === undefined) {
    shapes = readOperation(service, operation);
    if (shapes !== null) known[service].set(operation, shapes);
  }
  return shapes;
}

function readOperation(service: Service, operation: string): OperationShapes | null {
  const raw: unknown = Reflect.get(service === 'iam' ? iamSdk : stsSdk, `${operation}$`);
  if (!Array.isArray(raw) || raw[0] !== 9) return null;
  const side = (ref: unknown): Shape | null => {
    const target = thunk(ref);
    return target === 'unit' ? null : readShape(target);
  };
  return { name: operation, input: side(raw[4]), output: side(raw[5]) };
}

/** Dotted paths of the members that the SDK marks sensitive. */
export function sensitivePaths(shape: Shape, prefix = '', depth = 0): string[] {
  if (depth > 12) return [];
  switch (shape.kind) {
    case 'structure': {
      const paths: string[] = [];
      for (const [name, member] of shape.members) {
        const path = prefix === '' ? name : `${prefix}.${name}`;
        if (member.sensitive) paths.push(path);
        else paths.push(...sensitivePaths(member.shape(), path, depth + 1));
      }
      return paths;
    }
    case 'list':
      return sensitivePaths(shape.item(), prefix, depth + 1);
    case 'map':
      return sensitivePaths(shape.value(), prefix, depth + 1);
    case 'text':
    case 'boolean':
    case 'integer':
    case 'timestamp':
    case 'blob':
      return [];
    default:
      return shape satisfies never;
  }
}
