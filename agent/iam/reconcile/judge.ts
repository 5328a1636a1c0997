// What the reads say about the wanted state, in words. Pure; it never says that a call succeeded, only what is there.
import type { Json } from '../../../protocol/json.ts';
import type { JsonObject } from '../decode.ts';
import type { PreparedCall } from '../inputs.ts';
import type { Listed } from './read.ts';
import type { BeforeRecord } from './record.ts';
import { at, type Expected, fill, type Find, isObject, type Read, type ReadBack, textOf, words } from './rule.ts';
import { isSame, shortText } from './same.ts';

export interface Reading {
  /** True when no further read can tell more. */
  readonly settled: boolean;
  readonly sentence: string;
  /** Things under new ids that this call may have made. */
  readonly candidates?: readonly JsonObject[];
}

export type Readable = Exclude<ReadBack, { kind: 'unreadable' }>;
type Of<Kind extends Readable['kind']> = Extract<Readable, { kind: Kind }>;

/** What several reads have shown: IAM's reads lag, and a thing once seen was there. */
export interface Seen {
  /** Of the last read that did not fail; null: all failed. */
  readonly last: readonly JsonObject[] | null;
  /** By id. */
  readonly ever: ReadonlyMap<string, JsonObject>;
  /** Why the last failure failed. */
  readonly failure: string;
}

export const nothingSeen: Seen = { last: null, ever: new Map(), failure: '' };

export function seeing(seen: Seen, read: Read, listed: Listed): Seen {
  if (listed.kind === 'failed') return { ...seen, failure: listed.reason };
  const ever = new Map(seen.ever);
  for (const item of listed.items) ever.set(idOf(read, item), item);
  return { ...seen, last: listed.items, ever };
}

export const idOf = (read: Read, item: JsonObject): string => textOf(at(item, read.id ?? ''));

/** Of an item under the change's own name. */
export function isFound(find: Find, input: PreparedCall['input'], item: JsonObject): boolean {
  return Object.entries(find).every(([path, template]) => {
    const found = textOf(at(item, path));
    const wanted = fill(template, input);
    if (wanted === null) return true;
    if (!wanted.startsWith('*')) return found === wanted;
    // A provider's ARN has its address without the scheme.
    return found.endsWith(wanted.slice(1).replace('/https://', '/'));
  });
}

const holds = (sentence: string): Reading => ({ settled: true, sentence: `The wanted state holds now: ${sentence}` });
const holdsNot = (sentence: string): Reading => ({
  settled: false,
  sentence: `The wanted state does not hold; the call may still take effect: ${sentence}`,
});
const notRead = (reason: string): Reading => ({
  settled: false,
  sentence: `Whether the wanted state holds could not be read: ${reason}`,
});

/** More candidates than these are counted, not named. */
const maxNamed = 20;

const ofWhom = 'Whether it is by this call is not known.';

/** Null: as wanted, or not asked for. Else what it is instead. */
function fault(call: PreparedCall, expected: Expected, path: string, item: JsonObject): string | null {
  const found = at(item, path);
  const name = path.split('.').at(-1) ?? path;
  if (typeof expected === 'object' && 'oneOf' in expected) {
    return expected.oneOf.some((value) => textOf(value) === textOf(found)) ? null : `${name} is ${shortText(found)}`;
  }
  const of = typeof expected === 'string' ? expected : expected.of;
  const given = call.input[of];
  if (typeof expected === 'object' && 'lacks' in expected) {
    const items = given !== undefined && Array.isArray(found) ? found : [];
    return items.some((inner) => at(inner, expected.lacks) === given) ? `${name} still has ${textOf(given)}` : null;
  }
  const byDefault = typeof expected === 'object' && 'byDefault' in expected ? expected.byDefault : undefined;
  const wanted = given ?? byDefault;
  if (wanted === undefined) return null;
  const shape = call.action.inputs.find(({ member }) => member === of)?.shape;
  if (shape === undefined) throw new Error(`${call.action.name} has no input ${of}`);
  const meant =
    typeof expected === 'object' && 'values' in expected ? (expected.values[textOf(wanted)] ?? wanted) : wanted;
  return isSame(shape, meant, found ?? byDefault) ? null : `${name} is ${shortText(found)}, not ${shortText(wanted)}`;
}

/** The inputs that were given and that no read shows. */
function hiddenInputs({ hidden = {} }: Readable, call: PreparedCall): readonly string[] {
  return Object.entries(hidden).flatMap(([member, why]) =>
    call.input[member] === undefined ? [] : [`${member} is not known: ${why}.`],
  );
}

function judgeState(
  rule: Of<'state'>,
  call: PreparedCall,
  before: BeforeRecord | null,
  items: readonly JsonObject[],
): Reading {
  const what = words(rule.what, call.input);
  const item = items.find((one) => isFound(rule.find ?? {}, call.input, one));
  if (rule.wanted === 'gone') {
    return item === undefined ? holds(`${what} is not there. ${ofWhom}`) : holdsNot(`${what} is there.`);
  }
  if (item === undefined) return holdsNot(`${what} is not there.`);
  const equal = Object.entries(rule.equal ?? {});
  const faults = equal.flatMap(([path, expected]) => fault(call, expected, path, item) ?? []);
  if (rule.renames !== undefined && call.input[rule.renames.to] !== undefined) {
    const was = before?.ids?.[0];
    if (was === undefined)
      return notRead(`${what} is there; whether it is the one that was to be renamed is not known.`);
    if (was !== idOf(rule.read, item)) faults.unshift('it is another one, which was not renamed');
  }
  if (faults.length > 0) return holdsNot(`of ${what}, ${faults.join(', ')}.`);
  const hidden = hiddenInputs(rule, call);
  if (hidden.length === 0) return holds(`${what} is there, as asked for. ${ofWhom}`);
  // Nothing that the call changes was seen.
  const asked = equal.some(([, expected]) => typeof expected === 'string' && call.input[expected] !== undefined);
  if (!asked) return { ...notRead(`${what} is there; ${hidden.join(' ')}`), settled: true };
  return holds(`${what} is there, as far as it can be read; ${hidden.join(' ')} ${ofWhom}`);
}

function judgeTags(rule: Of<'tags'>, call: PreparedCall, items: readonly JsonObject[]): Reading {
  const what = words(rule.what, call.input);
  const list = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);
  const has = (key: Json | undefined, value?: Json): boolean =>
    items.some((tag) => tag['Key'] === key && (value === undefined || tag['Value'] === value));
  const { Tags: tags, TagKeys: keys } = call.input;
  const wrong =
    rule.wanted === 'there'
      ? list(tags).flatMap((tag) => (isObject(tag) && !has(tag['Key'], tag['Value'] ?? '') ? textOf(tag['Key']) : []))
      : list(keys).flatMap((key) => (has(key) ? textOf(key) : []));
  if (wrong.length === 0) return holds(`the tags of ${what} are as asked for. ${ofWhom}`);
  return holdsNot(`the tags of ${what} are not as asked for at ${wrong.join(', ').slice(0, 500)}.`);
}

/** Its id, if it has one of its own, and what else there is to say of it. */
function described(read: Read, item: JsonObject, shown: readonly string[] = []): string {
  const facts = shown.map((path) => {
    const value = at(item, path);
    return typeof value === 'string' ? value : `${path} ${textOf(value)}`;
  });
  const created = read.created === undefined ? '' : textOf(at(item, read.created));
  if (created !== '') facts.push(`created ${created}`);
  const id = idOf(read, item);
  const inside = facts.length === 0 ? '' : `(${facts.join(', ')})`;
  return id === created ? inside : `${id} ${inside}`.trimEnd();
}

/** Whose it is, as far as a mark tells: null when there is none to look for. */
export type Mark = 'ours' | { readonly other: string } | { readonly none: true } | { readonly unread: string } | null;

function judgeNamed(
  rule: Of<'named'>,
  call: PreparedCall,
  before: BeforeRecord | null,
  seen: { readonly items: readonly JsonObject[]; readonly mark: Mark },
): Reading {
  const what = words(rule.what, call.input);
  const item = seen.items.find((one) => isFound(rule.find ?? {}, call.input, one));
  if (item === undefined) return holdsNot(`${what} is not there. Look again before making it once more.`);
  const hidden = hiddenInputs(rule, call);
  const more = described(rule.read, item);
  const sameAgain = more === '' || what.endsWith(more);
  const there = `${what} is there${sameAgain ? '' : `${more.startsWith('(') ? ' ' : ', '}${more}`}.`;
  const unseen = hidden.length === 0 ? '' : ` ${hidden.join(' ')}`;
  const { mark } = seen;
  if (mark === 'ours') return holds(`${there} It carries this call's mark: this call made it.${unseen}`);
  if (before?.ids?.includes(idOf(rule.read, item)) === true) {
    return holds(`${there} It was there before the call, which did not make it.`);
  }
  const unknown = `What was there before the call is not known${before?.reason === undefined ? '' : ` (${before.reason})`}.`;
  const since = before?.ids == null ? unknown : 'It was not there before the call.';
  if (mark !== null && 'other' in mark) {
    // Unless this is an old thing of that name, in a read that lags.
    const other = `It carries the mark of another call (${mark.other}), which made it.`;
    return { ...holds(`${there} ${since} ${other}`), settled: false };
  }
  if (mark !== null && 'none' in mark) {
    const late = 'No mark of this call was seen on it: another call made it, unless its tags show late.';
    return { ...holds(`${there} ${since} ${late}`), settled: false };
  }
  const unread = mark === null ? '' : ` Its tags could not be read: ${mark.unread}`;
  return { ...holds(`${there} ${since} ${ofWhom}${unseen}${unread}`), settled: mark === null };
}

function judgeMinted(rule: Of<'minted'>, call: PreparedCall, before: BeforeRecord | null, seen: Seen): Reading {
  const what = words(rule.what, call.input);
  const fits = (item: JsonObject): boolean =>
    Object.entries(rule.fits ?? {}).every(([path, template]) => fitsAt(call, item, path, template));
  const old = before?.ids ?? null;
  const found = [...seen.ever].filter(([id, item]) => old?.includes(id) !== true && fits(item)).map(([, item]) => item);
  const named = found.slice(0, maxNamed).map((item) => described(rule.read, item, rule.shown));
  if (found.length > maxNamed) named.push(`and ${found.length - maxNamed} more`);
  const names = named.join(', ');
  if (old === null) {
    const why = before?.reason === undefined ? '' : ` (${before.reason})`;
    const now = `What was there before the call is not known${why}. Every ${what} now: ${names === '' ? 'none' : names}.`;
    return notRead(now);
  }
  if (found.length === 0) {
    return holdsNot(`no new ${what} was seen. Look again before making another.`);
  }
  const candidates = `${found.length === 1 ? 'Candidate' : 'Candidates'}: ${names}.`;
  const sentence = `The wanted state holds now: a new ${what} is there. ${candidates} ${ofWhom} ${rule.advice}`;
  return { settled: false, sentence, candidates: found };
}

/** A list does not show everything of its items: what it leaves out says nothing against one. */
function fitsAt(call: PreparedCall, item: JsonObject, path: string, template: string): boolean {
  const found = at(item, path);
  const wanted = fill(template, call.input);
  if (found === undefined || wanted === null) return true;
  const shape = call.action.inputs.find(({ member }) => template === `{${member}}`)?.shape ?? { type: 'text' };
  return isSame(shape, wanted, found);
}

export function judge(
  rule: Readable,
  call: PreparedCall,
  before: BeforeRecord | null,
  { seen, mark }: { readonly seen: Seen; readonly mark: Mark },
): Reading {
  const { last } = seen;
  if (last === null) return notRead(seen.failure);
  switch (rule.kind) {
    case 'state':
      return judgeState(rule, call, before, last);
    case 'tags':
      return judgeTags(rule, call, last);
    case 'named':
      return judgeNamed(rule, call, before, { items: last, mark });
    case 'minted':
      return judgeMinted(rule, call, before, seen);
    default:
      return rule satisfies never;
  }
}
