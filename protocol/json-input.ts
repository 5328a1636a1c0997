// Any JSON value of an input, checked by one walk. A schema of nested unions would try every branch at every level: it took seconds to refuse
// one deeply nested token.
import { z } from 'zod';
import { limits } from './limits.ts';

/** Any JSON value whose numbers a double holds. */
export type JsonInput = null | boolean | number | string | JsonInput[] | { [key: string]: JsonInput };

function isJsonInput(value: unknown): value is JsonInput {
  const left: unknown[] = [value];
  while (left.length > 0) {
    const one = left.pop();
    if (typeof one === 'string') {
      if (one.length > limits.rowBytes) return false;
    } else if (typeof one === 'number') {
      if (!Number.isFinite(one)) return false;
    } else if (Array.isArray(one)) {
      // By index: a hole in an array is no JSON value.
      for (let at = 0; at < one.length; at += 1) left.push(one[at]);
    } else if (typeof one === 'object' && one !== null) {
      if (!isPlain(one)) return false;
      for (const member of Object.values(one)) left.push(member);
    } else if (one !== null && typeof one !== 'boolean') return false;
  }
  return true;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

const self = { $ref: '#/$defs/JsonInput' };

/** Its JSON Schema is given by hand, because a check by code has none. */
export const jsonInputSchema: z.ZodType<JsonInput> = z
  .unknown()
  .refine(isJsonInput, 'expected a JSON value')
  .meta({
    id: 'JsonInput',
    anyOf: [
      { type: 'string', maxLength: limits.rowBytes },
      { type: 'number' },
      { type: 'boolean' },
      { type: 'null' },
      { type: 'array', items: self },
      { type: 'object', additionalProperties: self },
    ],
  });
