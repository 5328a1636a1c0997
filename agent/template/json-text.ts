// The filter `tojson`: json.dumps with sorted keys, then the characters that are unsafe in HTML as escapes (Jinja2's htmlsafe_json_dumps).
import { compareText } from './code-points.ts';
import { textOf } from './compare.ts';
import { floatText } from './printing.ts';
import { integerSteps } from './integer-cost.ts';
import { checkDepth, fail, halt, isObject, type Value, typeName } from './value.ts';
import type { Work } from './work.ts';

function jsonString(text: string): string {
  return JSON.stringify(text)
    .replace(/[\u007f-\uffff<>&']/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .replaceAll('\\u007f', '\u007f');
}

function scalar(value: Value, work: Work): string | null {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') {
    work.step(integerSteps(value));
    return String(value);
  }
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return floatText(value);
    return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
  }
  if (typeof value === 'string') return jsonString(value);
  return value.kind === 'markup' ? jsonString(value.text) : null;
}

function keyText(key: Value, work: Work): string {
  if (typeof key === 'string') return jsonString(key);
  return isObject(key)
    ? fail(`keys must be str, int, float, bool or None, not ${typeName(key)}`)
    : `"${scalar(key, work)}"`;
}

function sortedEntries(entries: readonly (readonly [Value, Value])[]): readonly (readonly [Value, Value])[] {
  if (entries.length < 2) return entries;
  if (!entries.every(([key]) => typeof key === 'string'))
    halt('template_unsupported', 'tojson of a dict with keys other than texts');
  return entries.toSorted(([a], [b]) => compareText(textOf(a) ?? '', textOf(b) ?? ''));
}

/** The JSON text of a value; `indent` is null for one line with a blank after commas and colons. */
export function jsonText(value: Value, indent: string | null, work: Work): string {
  const grow = work.growing();
  const write = (node: Value, margin: string, depth: number): string => {
    checkDepth(depth);
    const plain = scalar(node, work);
    if (plain !== null) {
      grow(plain.length + margin.length);
      return plain;
    }
    if (!isObject(node) || !(node.kind === 'list' || node.kind === 'tuple' || node.kind === 'dict'))
      return fail(`Object of type ${typeName(node)} is not JSON serializable`);
    const inside = indent === null ? '' : `${margin}${indent}`;
    const isDict = node.kind === 'dict';
    grow(inside.length * 2 + 2);
    const members = isDict
      ? sortedEntries([...node.entries.values()]).map(([key, member]) => {
          const name = keyText(key, work);
          grow(name.length + 2);
          return `${name}: ${write(member, inside, depth + 1)}`;
        })
      : node.items.map((member) => write(member, inside, depth + 1));
    const [open, close] = isDict ? ['{', '}'] : ['[', ']'];
    if (members.length === 0) return `${open}${close}`;
    if (indent === null) return `${open}${members.join(', ')}${close}`;
    return `${open}\n${inside}${members.join(`,\n${inside}`)}\n${margin}${close}`;
  };
  return write(value, '', 0);
}
