// Text to frame and back. JSON Lines: line 1 is the frame, the lines after it are rows or entries, kept as the bytes that travelled.
// Total: any text gives a frame, an unknown type to be counted, or a refusal. It never throws.
import { z } from 'zod';
import { type Refusal, refuse } from './error-codes.ts';
import { type FrameToAgent, framesToAgent } from './frames-to-agent.ts';
import { type FrameToControlPlane, framesToControlPlane } from './frames-to-control-plane.ts';
import { jsonFault } from './json.ts';
import { limits } from './limits.ts';
import { safeParse } from './safe-parse.ts';

export interface Decoded<F> {
  readonly kind: 'frame';
  readonly frame: F;
  readonly lines: readonly string[];
  /** Fields that this version does not know; ignored, but counted. */
  readonly unknownFields: number;
}
export interface UnknownType {
  readonly kind: 'unknown_type';
  readonly type: string;
}

/** The frame types that may be followed by body lines. */
const withBody: ReadonlySet<string> = new Set(['rows', 'results']);

export function encodeFrame(frame: FrameToAgent | FrameToControlPlane, lines: readonly string[] = []): string {
  const head = JSON.stringify(frame);
  return lines.length === 0 ? head : `${head}\n${lines.join('\n')}`;
}

export function decodeFrameToAgent(text: string): Decoded<FrameToAgent> | UnknownType | Refusal {
  return decode<FrameToAgent>(text, framesToAgent);
}

export function decodeFrameToControlPlane(text: string): Decoded<FrameToControlPlane> | UnknownType | Refusal {
  return decode<FrameToControlPlane>(text, framesToControlPlane);
}

/** Longer than any `cancel`. */
const shortCharacters = 256;

/** A cancel has its own lane: it goes before what waits to be handled. A cheap look at the text; decoding has the last word. */
export function isCancel(text: string): boolean {
  return text.length < shortCharacters && /"type"\s*:\s*"cancel"/.test(text);
}

function decode<F>(text: string, schemas: Readonly<Record<string, z.ZodType>>): Decoded<F> | UnknownType | Refusal {
  if (text.length > limits.frameBytes)
    return refuse('frame_too_large', `expected at most ${limits.frameBytes} bytes, found at least ${text.length}`);
  const [head = '', ...lines] = text.split('\n');
  const parsedHead = parseHead(head);
  if (parsedHead === null) return refuse('frame_malformed', 'expected a JSON object with a type on the first line');
  const { type, value } = parsedHead;
  const schema = Object.hasOwn(schemas, type) ? schemas[type] : undefined;
  if (schema === undefined) return { kind: 'unknown_type', type: type.slice(0, 64) };
  const parsed = safeParse(schema, value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return refuse(
      'frame_malformed',
      `${type}: field ${issue?.path.join('.') ?? ''} is not as the schema wants (${issue?.code ?? 'invalid'})`,
    );
  }
  if (lines.length > 0 && !withBody.has(type)) return refuse('frame_malformed', `a ${type} frame has no body`);
  if (lines.some((line) => line.length === 0)) return refuse('frame_malformed', 'a body line is empty');
  const frame = parsed.data as F;
  return {
    kind: 'frame',
    frame,
    lines,
    unknownFields: countUnknown(value, parsed.data),
  };
}

/** Members that were sent and that the schema, at any depth, did not keep. Recursion ends at `limits.jsonDepth`, which was checked before. */
function countUnknown(sent: unknown, known: unknown): number {
  if (!isObject(sent) || !isObject(known)) return 0;
  let count = 0;
  for (const [name, member] of Object.entries(sent)) {
    count += Object.hasOwn(known, name) ? countUnknown(member, known[name]) : 1;
  }
  return count;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function parseHead(head: string): { type: string; value: Readonly<Record<string, unknown>> } | null {
  if (jsonFault(head, limits.jsonDepth) !== null) return null;
  try {
    const value: unknown = JSON.parse(head);
    if (!isObject(value) || !Object.hasOwn(value, 'type')) return null;
    return typeof value.type === 'string' ? { type: value.type, value } : null;
  } catch {
    return null;
  }
}
