// Turns what the schema found into problems for people: one for each fault, with its place, and the key that was probably meant.
import { z } from 'zod';
import { editDistance } from '../edit-distance.ts';
import { type ConfigProblem, type KeyPath, keyText } from './problem.ts';
import type { YamlFile } from './read-yaml.ts';

type Found = Omit<ConfigProblem, 'file'>;

/** A file of nonsense has no use for a sentence about each of its keys. */
const maxUnknownKeys = 50;

export function schemaProblems(schema: z.ZodType, yaml: YamlFile, issues: readonly z.core.$ZodIssue[]): Found[] {
  const problems = new Map<string, Found>();
  for (const issue of issues) {
    const path = issue.path.filter((step) => typeof step !== 'symbol');
    const found =
      issue.code === 'unrecognized_keys'
        ? issue.keys.slice(0, maxUnknownKeys).map((key) => unknownKey(schema, yaml, [...path, key]))
        : [wrongValue(yaml, path, issue.message)];
    // A number can break two rules of one sentence.
    for (const problem of found) problems.set(JSON.stringify([problem.key, problem.expected]), problem);
  }
  return [...problems.values()];
}

function wrongValue(yaml: YamlFile, path: KeyPath, expected: string): Found {
  const value = valueAt(yaml.value, path);
  const missing = value === undefined;
  return {
    code: 'configuration_invalid',
    ...yaml.place(path),
    key: keyText(path),
    expected,
    found: missing ? 'nothing: the key is missing' : describe(value, path),
    remedy: missing ? `add the key ${String(path.at(-1))}` : 'correct the value',
  };
}

function unknownKey(schema: z.ZodType, yaml: YamlFile, path: KeyPath): Found {
  const known = knownKeys(schema, path.slice(0, -1));
  const name = String(path.at(-1));
  const meant = closest(name, known);
  return {
    code: 'configuration_invalid',
    ...yaml.place(path),
    key: keyText(path),
    expected: `one of the keys ${known.join(', ')}`,
    found: 'a key that is not known here',
    remedy: meant === null ? 'remove it, or move it to where it belongs' : `did you mean ${meant}?`,
  };
}

/** A value as far as it may be shown: texts that could be secrets only by their kind. */
export function describe(value: unknown, path: KeyPath): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'a key without a value';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'a mapping';
  const mayBeSecret = isPrivate(path);
  if (typeof value === 'string') {
    if (mayBeSecret) return `a text of ${value.length} characters`;
    return `the text ${JSON.stringify(withoutUserInfo(value).slice(0, 120))}`;
  }
  if (typeof value === 'boolean') return mayBeSecret ? 'true or false' : JSON.stringify(value);
  return mayBeSecret || typeof value !== 'number' ? 'a number' : `the number ${value}`;
}

/** Where people put secrets, also by mistake: everything but plain names under these keys, and a file that is no mapping at all. */
function isPrivate(path: KeyPath): boolean {
  const shown = ['name', 'kind', 'source'].includes(String(path.at(-1)));
  return path.length === 0 || (!shown && (path.includes('credentials') || path.includes('reference_values')));
}

/** User and password of an address are not shown. */
export function withoutUserInfo(address: string): string {
  return address.replace(/\/\/.*@/s, '//…@');
}

function valueAt(value: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (inside, step) =>
      typeof inside === 'object' && inside !== null && Object.hasOwn(inside, step)
        ? Reflect.get(inside, step)
        : undefined,
    value,
  );
}

function knownKeys(schema: z.ZodType, path: KeyPath): string[] {
  let inside: unknown = bare(schema);
  for (const step of path) {
    if (inside instanceof z.ZodObject) inside = bare(Reflect.get(inside.shape, step));
    else if (inside instanceof z.ZodArray) inside = bare(inside.element);
  }
  return inside instanceof z.ZodObject ? Object.keys(inside.shape) : [];
}

/** A schema without its default or optional mark. */
export function bare(schema: unknown): unknown {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodExactOptional)
    return bare(schema.unwrap());
  return schema;
}

function closest(name: string, known: readonly string[]): string | null {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[-_ ]/g, '');
  const wanted = plain(name.slice(0, 64));
  const [best] = known
    .map((key) => ({ key, distance: editDistance(wanted, plain(key)) }))
    .sort((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= Math.max(1, Math.floor(best.key.length / 3)) ? best.key : null;
}
