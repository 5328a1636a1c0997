// An envelope as named cells, for the formats that have columns. What failed is not a member: the formats show it in their own way.
import type { Json } from '../protocol/json.ts';
import { isRawNumber, stringifyJson } from '../protocol/json.ts';
import { isObject, type JsonObject } from './read-entry.ts';

const failureMembers: ReadonlySet<string> = new Set(['error', 'has_error', 'error_code']);

/** A member of AWS's that has the name of one of ours gets one more `_` before it: no two names become one. */
export function memberName(name: string, ours: ReadonlySet<string>): string {
  return ours.has(name.replace(/^_+/, '')) ? `_${name}` : name;
}

/**
 * Members by dotted name. `result` and what it nests are opened down to `levels`; lists and deeper objects stay whole.
 */
export function membersOf(envelope: JsonObject, levels: number): Map<string, Json> {
  const members = new Map<string, Json>();
  for (const [name, value] of Object.entries(envelope)) {
    if (failureMembers.has(name)) continue;
    if (name === 'result') openInto(members, name, value, levels);
    else members.set(name, value);
  }
  return members;
}

function openInto(members: Map<string, Json>, path: string, value: Json, levels: number): void {
  if (levels === 0 || !isObject(value) || Object.keys(value).length === 0) members.set(path, value);
  else for (const [name, inner] of Object.entries(value)) openInto(members, `${path}.${name}`, inner, levels - 1);
}

/** Text as it is, nothing for null, numbers as they were sent, lists and objects as JSON. */
export function cellText(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  return isRawNumber(value) ? value.rawJSON : stringifyJson(value);
}

/** `error` and `error_code` of an envelope, as text. */
export function failureOf(envelope: JsonObject): { readonly error: string; readonly code: string } {
  return { error: cellText(envelope['error']), code: cellText(envelope['error_code']) };
}
