// Text to frame and back. JSON Lines: line 1 is the frame, the lines after it are rows or entries, kept as the bytes that travelled.
// Total: any text gives a frame, an unknown type to be counted, or a refusal. It never throws.
import { z } from 'zod';
import { type Refusal, refuse } from './error-codes.ts';
import { type FrameToAgent, framesToAgent } from './frames-to-agent.ts';
import { type FrameToControlPlane, framesToControlPlane } from './frames-to-control-plane.ts';
import { jsonFault } from './json.ts';
import { limits } from './limits.ts';

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

function decode<F>(text: string, schemas: Readonly<Record<string, z.ZodType>>): Decoded<F> | UnknownType | Refusal {
  if (text.length > limits.frameBytes)
    return refuse('frame_too_large', `expected at most ${limits.frameBytes} bytes, found ${text.length}`);
  const [head = '', ...lines] = text.split('\n');
  const value = parseHead(head);
  if (value === null) return refuse('frame_malformed', 'expected a JSON object with a type on the first line');
  const schema = Object.hasOwn(schemas, value.type) ? schemas[value.type] : undefined;
  if (schema === undefined) return { kind: 'unknown_type', type: value.type.slice(0, 64) };
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return refuse(
      'frame_malformed',
      `${value.type}: field ${issue?.path.join('.') ?? ''} is not as the schema wants (${issue?.code ?? 'invalid'})`,
    );
  }
  if (lines.length > 0 && !withBody.has(value.type))
    return refuse('frame_malformed', `a ${value.type} frame has no body`);
  if (lines.some((line) => line.length === 0)) return refuse('frame_malformed', 'a body line is empty');
  const frame = parsed.data as F;
  return {
    kind: 'frame',
    frame,
    lines,
    unknownFields: Object.keys(value).length - Object.keys(parsed.data as object).length,
  };
}

function parseHead(head: string): { type: string } | null {
  if (jsonFault(head, limits.jsonDepth) !== null) return null;
  try {
    return z.looseObject({ type: z.string() }).safeParse(JSON.parse(head)).data ?? null;
  } catch {
    return null;
  }
}
