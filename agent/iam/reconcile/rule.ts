// How a change can be read back, as data: which read tells, which of its items is meant, and what they look like when the change took effect.
//
// Texts are filled from the change's input: `{UserName}` is its member, `{NewUserName|UserName}` the first that is given, `{Path|=/}` ends in
// a fixed text.
import { isRawNumber, type Json } from '../../../protocol/json.ts';
import type { JsonObject } from '../decode.ts';

export interface Read {
  readonly operation: string;
  /** The read's input; what fills to nothing is left out. */
  readonly input: Readonly<Record<string, string>>;
  /** More of the read's input, as it is. */
  readonly fixed?: Readonly<Record<string, Json>>;
  /** Where the things are in the answer: a list has many, anything else is one. Blank: the whole answer. */
  readonly at: string;
  /** What tells one thing from another of the same name: a dotted path within it. */
  readonly id?: string;
  readonly created?: string;
  /** AWS's codes, besides NoSuchEntity, that mean "there is none". */
  readonly noneCodes?: readonly string[];
}

/** By dotted path within an item: a text to be filled. One that starts with * is what the item's text ends with. */
export type Find = Readonly<Record<string, string>>;

export type Expected =
  /** The member of the change's input that it equals; the member counts only if it is given, unless it has a default. */
  | string
  | { readonly of: string; readonly byDefault: Json }
  | { readonly of: string; readonly values: Readonly<Record<string, Json>> }
  | { readonly oneOf: readonly Json[] }
  /** No item of this list has the given member. */
  | { readonly of: string; readonly lacks: string };

interface Common {
  /** The thing or the relation, in words. */
  readonly what: string;
  readonly read: Read;
  readonly find?: Find;
  /** Inputs that no read shows, and why. */
  readonly hidden?: Readonly<Record<string, string>>;
}

export type ReadBack =
  /** No read of IAM can tell. */
  | { readonly kind: 'unreadable'; readonly reason: string }
  /** It is there (and its members are as wanted), or it is gone. */
  | (Common & {
      readonly kind: 'state';
      readonly wanted: 'there' | 'gone';
      readonly equal?: Readonly<Record<string, Expected>>;
      /** The input with the new name, if the change renames; what stands under the old name is noted before. */
      readonly renames?: { readonly to: string; readonly before: Read };
    })
  /** Every tag of `Tags` is there, or no key of `TagKeys`. */
  | (Common & { readonly kind: 'tags'; readonly wanted: 'there' | 'gone' })
  /** Something is made under a name that the call chooses. `mark`: the read of its tags. */
  | (Common & { readonly kind: 'named'; readonly mark?: Read })
  /** Something is made under an id that AWS chooses: what is there was noted before. `what` names it in general. */
  | (Common & {
      readonly kind: 'minted';
      /** What distinguishes the thing that was asked for, where an item shows it. */
      readonly fits?: Find;
      readonly shown?: readonly string[];
      readonly advice: string;
      /** How one is made inactive, if the host wants that. */
      readonly deactivate?: { readonly action: string; readonly idInput: string };
    });

const shownCharacters = 200;

export function textOf(value: Json | undefined): string {
  if (typeof value === 'string') return value;
  if (isRawNumber(value)) return value.rawJSON;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** The text with its members in place; null when one of them is not given. */
export function fill(template: string, values: Readonly<Record<string, Json>>): string | null {
  let whole = true;
  const filled = template.replaceAll(/\{([^}]+)\}/g, (_all, names: string) => {
    for (const name of names.split('|')) {
      const found = name.startsWith('=') ? name.slice(1) : textOf(values[name]);
      if (found !== '') return found;
    }
    whole = false;
    return '';
  });
  return whole ? filled : null;
}

/** In words, for people: what is not given is left blank, and what is long is cut. */
export function words(template: string, values: Readonly<Record<string, Json>>): string {
  return template.replaceAll(/\{[^}]+\}/g, (part) => (fill(part, values) ?? '').slice(0, shownCharacters));
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value);

/** The value at a dotted path. */
export function at(item: Json | undefined, path: string): Json | undefined {
  let value = item;
  for (const name of path === '' ? [] : path.split('.')) value = isObject(value) ? value[name] : undefined;
  return value;
}
