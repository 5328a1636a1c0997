// YAML to plain values with the place of each, for people's error messages. The file is input like any other: bounded in size, depth and
// number of problems; no aliases, tags or second documents. A parser message is never passed on, because it can quote the file.
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Pair } from 'yaml';
import type { ConfigProblem, KeyPath } from './problem.ts';
import { keyText } from './problem.ts';

export const maxConfigBytes = 1024 * 1024;
const maxDepth = 16;
const maxProblems = 20;

interface Place {
  readonly line: number;
  readonly column: number;
}

export interface YamlFile {
  readonly kind: 'yaml';
  /** Objects have no prototype: a key of any name is an own member. */
  readonly value: unknown;
  /** The place of a key, or of the nearest thing around it. */
  place(path: KeyPath): Place;
}

type Found = Omit<ConfigProblem, 'file'>;

/** Reads one YAML document whose root is a mapping. Problems come without the file's name. */
export function readYaml(text: string): YamlFile | { readonly kind: 'problems'; readonly problems: readonly Found[] } {
  const counter = new LineCounter();
  const at = (offset: number): Place => {
    const { line, col } = counter.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  let document: Document.Parsed;
  try {
    document = parseDocument(text, {
      lineCounter: counter,
      prettyErrors: false,
      // Its own check takes quadratic time; ours is below.
      uniqueKeys: false,
      resolveKnownTags: false,
      merge: false,
      // Not 'silent': that would also hide a second document. Nothing is printed either way.
      logLevel: 'error',
    });
  } catch (error) {
    // A nesting that overflows the parser's stack.
    if (error instanceof RangeError) return single('at most 16 levels of nesting', 'far more', 'write the file flat');
    throw error;
  }
  const faults = [...document.errors, ...document.warnings].map((error) => syntaxProblem(error.code, at(error.pos[0])));
  if (faults.length > 0) return { kind: 'problems', problems: faults.slice(0, maxProblems) };
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null))
    return single('a mapping with control_plane and connections', 'an empty file', 'start from config.example.yaml');
  return convert(document.contents, at);
}

function convert(root: unknown, at: (offset: number) => Place): ReturnType<typeof readYaml> {
  const places = new Map<string, Place>();
  const problems: Found[] = [];
  const placeOf = (node: unknown): Place => {
    const range = typeof node === 'object' && node !== null && 'range' in node ? node.range : null;
    return Array.isArray(range) && typeof range[0] === 'number' ? at(range[0]) : { line: 1, column: 1 };
  };
  const report = (node: unknown, path: KeyPath, expected: string, found: string, remedy: string): void => {
    if (problems.length >= maxProblems) return;
    problems.push({ code: 'configuration_invalid', ...placeOf(node), key: keyText(path), expected, found, remedy });
  };
  const member = ({ key, value }: Pair, path: KeyPath, into: object): void => {
    if (!isScalar(key) || typeof key.value !== 'string')
      return report(key, path, 'keys that are plain names', 'a key of another kind', 'write the key as text');
    const inside = [...path, key.value];
    if (Object.hasOwn(into, key.value))
      return report(key, inside, 'every key once', 'a key that stands twice', 'remove one of the two');
    places.set(JSON.stringify(inside), placeOf(key));
    const converted = value === null ? null : visit(value, inside);
    Object.defineProperty(into, key.value, { value: converted, enumerable: true, configurable: true, writable: true });
  };
  const visit = (node: unknown, path: KeyPath): unknown => {
    if (path.length > maxDepth) {
      report(node, path.slice(0, 3), `at most ${maxDepth} levels of nesting`, 'more', 'write this part flat');
      return null;
    }
    if (isAlias(node)) {
      report(
        node,
        path,
        'values written out',
        'a YAML alias (*name)',
        'repeat the value: every connection stands alone',
      );
      return null;
    }
    if (isMap(node)) {
      const object: object = Object.create(null);
      for (const pair of node.items) member(pair, path, object);
      return object;
    }
    if (isSeq(node))
      return node.items.map((item, index) => {
        places.set(JSON.stringify([...path, index]), placeOf(item));
        return visit(item, [...path, index]);
      });
    return isScalar(node) ? node.value : null;
  };
  const value = visit(root, []);
  if (problems.length > 0) return { kind: 'problems', problems };
  return { kind: 'yaml', value, place: (path) => nearest(places, path) };
}

function nearest(places: ReadonlyMap<string, Place>, path: KeyPath): Place {
  for (let length = path.length; length > 0; length -= 1) {
    const place = places.get(JSON.stringify(path.slice(0, length)));
    if (place !== undefined) return place;
  }
  return { line: 1, column: 1 };
}

function single(expected: string, found: string, remedy: string): ReturnType<typeof readYaml> {
  const place = { line: 1, column: 1, key: '' };
  return { kind: 'problems', problems: [{ code: 'configuration_invalid', ...place, expected, found, remedy }] };
}

const syntaxHelp: Readonly<Record<string, readonly [expected: string, found: string, remedy: string]>> = {
  TAB_AS_INDENT: ['spaces at the start of a line', 'a tab', 'replace tabs by spaces'],
  BAD_INDENT: [
    'lines of one mapping or list at the same indent, and closed brackets',
    'another indent, or a bracket that is not closed',
    'align this line with its neighbours',
  ],
  MULTIPLE_DOCS: ['one YAML document', 'a second one (after ---)', 'remove everything from the second --- on'],
  TAG_RESOLVE_FAILED: ['plain values', 'a YAML tag (!name)', 'remove the tag'],
  BAD_ALIAS: ['values written out', 'a YAML alias (*name)', 'repeat the value, or quote a text that starts with *'],
  MISSING_CHAR: [
    'closed quotes, brackets and "key: value" pairs',
    'one that is not closed',
    'add the missing character',
  ],
  MULTILINE_IMPLICIT_KEY: ['"key: value" on its line', 'a line without a colon and space', 'add ": " after the key'],
  BAD_SCALAR_START: ['a plain or quoted value', 'a character that cannot start one', 'put the value in quotes'],
  RESOURCE_EXHAUSTION: ['at most 16 levels of nesting', 'far more', 'write the file flat'],
};

function syntaxProblem(code: string, place: Place): Found {
  const [expected, found, remedy] = syntaxHelp[code] ?? [
    'valid YAML',
    `a syntax error (${code.toLowerCase().replaceAll('_', ' ')})`,
    'correct this line; a template such as {{ name }} at the start of a value needs quotes around the value',
  ];
  return { code: 'configuration_invalid', ...place, key: '', expected, found, remedy };
}
