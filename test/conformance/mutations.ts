// One-line faults of the normaliser, each of which the comparison with boto3 must see. A fault is a text of the source and what stands in its
// place; the text must be there exactly once, so that none of them can rot in silence.

export interface Mutation {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const of =
  (file: string) =>
  (from: string, to: string): Mutation => ({ file: `agent/iam/${file}`, from, to });

const decode = of('decode.ts');
const timestamp = of('timestamp.ts');
const policy = of('policy-document.ts');
const xml = of('xml.ts');
const run = of('run-action.ts');

export const mutations: readonly Mutation[] = [
  decode("return textOf(element) === 'true';", "return textOf(element).toLowerCase() === 'true';"),
  decode('= answer.attempts - 1;', '= answer.attempts;'),
  decode('const key = name.toLowerCase();', 'const key = name;'),
  decode('if (Number.isSafeInteger(value)) return value;', 'return value;'),
  decode('return btoa(binary);', 'return binary;'),
  decode('policyMembers.has(name) ? decodePolicy(textOf(element)) : textOf(element)', 'textOf(element)'),
  decode("found.text === '' ? 'None' : found.text", 'found.text'),
  decode("item.text === '' ? null : item.text", 'item.text'),
  decode('if (found === undefined) continue;', "if (found === undefined) { result[name] = ''; continue; }"),
  decode("child(entry, 'value')", "child(entry, 'key')"),
  timestamp(".padEnd(6, '0').slice(0, 6)", ".padEnd(6, '0').slice(0, 3)"),
  timestamp("/[1-9]/.test(micros) ? `.${micros}` : ''", '`.${micros}`'),
  timestamp('return `${zone.charAt(0)}${two(hours)}', 'return `+${two(hours)}'),
  timestamp("if (zone === undefined) return '';", "if (zone === undefined) return '+00:00';"),
  policy('/(?:%[0-9a-fA-F]{2})+/g', '/(?:%[0-9A-F]{2})+/g'),
  policy('{ ignoreBOM: true }).decode(bytes)', '{ ignoreBOM: true, fatal: true }).decode(bytes)'),
  policy('const decoded = percentDecode(text);', "const decoded = percentDecode(text.replaceAll('+', ' '));"),
  policy('return parseJson(decoded);', 'return JSON.parse(decoded) as Json;'),
  xml(': String.fromCodePoint(code);', ': String.fromCharCode(code);'),
  xml('top.text += rest.slice(start, this.#at - 3);', 'top.text += decodeText(rest.slice(start, this.#at - 3));'),
  xml("source.includes('\\r') ?", "source.includes('\\r\\r\\r') ?"),
  xml(
    'if (top.children.length === 0) top.text += decodeText(raw);',
    'if (top.children.length === 0) top.text = decodeText(raw);',
  ),
  xml("qualified.slice(qualified.indexOf(':') + 1)", 'qualified.toLowerCase()'),
  run(" && result['isTruncated'] !== true)", ')'),
  run('{ [member]: item }', '{ value: item }'),
  run('before.concat(value)', 'value.concat(before)'),
  run('const pageSize = 1000;', 'const pageSize = 100;'),
  run("result['IsTruncated'] !== true", "result['Marker'] === undefined"),
];
