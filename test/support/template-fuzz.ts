// Mutates the corpus and strings tokens together, renders the result with hostile rows, and says what came out. A case is a finding when it
// throws instead of giving a refusal, or works for longer than a second; the same seed makes the same cases.
import { compileTemplate, renderTemplate } from '../../agent/template/template.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import { type Json, parseJson } from '../../protocol/json.ts';
import { corpusTemplates } from '../agent/template/corpus/corpus.ts';
import { hostileTemplates } from '../agent/template/corpus/hostile.ts';
import { corpusRow } from '../agent/template/corpus/rows.ts';

const maxCaseMs = 1_000;
type Row = Record<string, Json>;

export interface FuzzReport {
  runs: number;
  compiled: number;
  rendered: number;
  readonly refusals: Map<string, number>;
  slowestMs: number;
  slowest: string;
  finding: { readonly template: string; readonly row: string; readonly what: string } | null;
}

/** Numbers from 0 to below `below`, the same for the same seed (mulberry32). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const seeds: readonly string[] = [...corpusTemplates, ...hostileTemplates.filter(({ length }) => length < 2_000)];
const tokens: readonly string[] = [
  ...new Set(seeds.flatMap((template) => template.match(/\{[{%#][-+]?|[-+]?[}%#]\}|'[^']*'|\d[\d.e]*|\w+|\S/g) ?? [])),
];
const places = ['{{ ', ' }}', '{% set a = ', '{% for x in ', '{% macro f(x) %}', '{% endfor %}', '{% endmacro %}'];
const numbers = [
  '90000',
  '1e308',
  '-1',
  '0',
  '4300',
  '99999999999999999999',
  '10 ** 4000',
  '1000000000',
  '-400',
  '0.1',
];
const wrappings: readonly ((inner: string) => string)[] = [
  (inner) => `{% for x in range(2000) %}${inner}{% endfor %}`,
  (inner) => `{% macro f(x) %}${inner}{{ f(x) }}{% endmacro %}{{ f(1) }}`,
  (inner) => `{% set ns = namespace(a=[1]) %}{% for y in range(3000) %}{% set ns.a = [ns.a] %}{% endfor %}${inner}`,
  (inner) => `{% set name = 'x' * 100000 %}${inner}`,
  (inner) => `{% set list = range(20000)|list %}${inner}`,
  (inner) => `{% set list = [list, list, [list]] %}{% set name = list %}${inner}`,
  (inner) => `{% set obj = {name: list, 1: obj} %}${inner}`,
  (inner) => `{% filter upper %}${inner}{% endfilter %}`,
  (inner) => inner.repeat(20),
];

const rows: readonly { readonly name: string; readonly row: Row }[] = [
  { name: 'the corpus', row: parseJson(corpusRow) as Row },
  { name: 'empty', row: {} },
  {
    name: 'names of objects',
    row: parseJson(
      '{"__proto__": {"a": 1}, "constructor": "c", "name": {"toString": 1}, "list": {"length": 9}}',
    ) as Row,
  },
  {
    name: 'nested',
    row: parseJson(
      `{"name": ${'['.repeat(95)}1${']'.repeat(95)}, "list": [[[[[[]]]]]], "obj": ${'{"a":'.repeat(95)}1${'}'.repeat(95)}}`,
    ) as Row,
  },
  {
    name: 'long texts',
    row: {
      name: 'aB <&-\n'.repeat(30_000),
      user: '😀'.repeat(90_000),
      list: ['x'.repeat(200_000)],
      csv: ','.repeat(200_000),
    },
  },
  {
    name: 'large numbers',
    row: parseJson(
      `{"num": ${'9'.repeat(4_300)}, "name": ${'7'.repeat(4_000)}, "float": 1e308, "list": [1e308, -1e308, 5e-324], "zero": -0.0}`,
    ) as Row,
  },
  {
    name: 'many members',
    row: {
      list: Array.from({ length: 20_000 }, (_one, index) => 20_000 - index),
      names: Array.from({ length: 20_000 }, (_one, index) => `n${index % 7}`),
    },
  },
  {
    name: 'strange characters',
    row: {
      name: '\ud800\u0000\u202e\ufeff',
      user: '\udc00 \u0130 ǆ ß ΑΣ',
      list: ['\u2028', '\x85', ''],
      obj: { '\ud800': null, '': [] },
    },
  },
];

class Fuzzer {
  readonly #below: (below: number) => number;

  constructor(seed: number) {
    this.#below = randomNumbers(seed);
  }

  pick<T>(all: readonly T[]): T {
    return all[this.#below(all.length)] as T;
  }

  #span(text: string): [number, number] {
    const start = this.#below(text.length + 1);
    return [start, Math.min(text.length, start + this.#below(12))];
  }

  #mutated(text: string): string {
    const [start, end] = this.#span(text);
    const [before, after] = [text.slice(0, start), text.slice(end)];
    switch (this.#below(9)) {
      case 0:
        return before + after;
      case 1:
        return before + text.slice(start, end).repeat(2 + this.#below(40)) + after;
      case 2:
        return `${before} ${this.pick(tokens)} ${text.slice(start)}`;
      case 3: {
        const other = this.pick(seeds);
        const [from, to] = this.#span(other);
        return before + other.slice(from, to) + after;
      }
      case 4:
        return text.replace(/\d+/, this.pick(numbers));
      case 5:
        return this.pick(wrappings)(text);
      case 6:
        return text + this.pick(seeds);
      case 7:
        // Another filter, test, method or name in the place of one.
        return text.replaceAll(/\w+/g, (word) => (this.#below(6) === 0 ? this.pick(tokens) : word));
      default:
        return before + this.pick(places) + text.slice(start);
    }
  }

  template(): string {
    let text: string;
    if (this.#below(5) === 0) {
      text = Array.from({ length: 1 + this.#below(20) }, () => this.pick(tokens)).join(this.pick(['', ' ']));
      if (this.#below(2) === 0) text = `{{ ${text} }}`;
    } else text = this.pick(seeds);
    const times = this.#below(4);
    for (let time = 0; time < times; time += 1) text = this.#mutated(text);
    return text;
  }
}

function outcome(template: string, row: Row): { code: string; compiled: boolean } {
  const compiled = compileTemplate(template);
  if (isRefusal(compiled)) return { code: compiled.code, compiled: false };
  const result = renderTemplate(compiled, { row, references: { account: '1' }, secretNames: new Set(['password']) });
  return { code: isRefusal(result) ? result.code : 'rendered', compiled: true };
}

function run(report: FuzzReport, template: string, { name, row }: (typeof rows)[number]): void {
  const start = process.threadCpuUsage();
  let what: string | null = null;
  try {
    const { code, compiled } = outcome(template, row);
    if (compiled) report.compiled += 1;
    if (code === 'rendered') report.rendered += 1;
    else report.refusals.set(code, (report.refusals.get(code) ?? 0) + 1);
  } catch (error) {
    what = `threw ${error instanceof Error ? error.stack : String(error)}`;
  }
  const used = process.threadCpuUsage(start);
  const tookMs = (used.user + used.system) / 1_000;
  if (tookMs > report.slowestMs) {
    report.slowestMs = tookMs;
    report.slowest = template;
  }
  if (tookMs > maxCaseMs) what ??= `worked for ${Math.round(tookMs)} ms`;
  if (what !== null) report.finding = { template, row: name, what };
  report.runs += 1;
}

/** Runs cases until one is a finding or `more` says no. `before` hears of each case, for one that never comes back. */
export function fuzzTemplates(
  seed: number,
  more: (report: FuzzReport) => boolean,
  before: (template: string) => void,
): FuzzReport {
  const report: FuzzReport = {
    runs: 0,
    compiled: 0,
    rendered: 0,
    refusals: new Map(),
    slowestMs: 0,
    slowest: '',
    finding: null,
  };
  const fuzzer = new Fuzzer(seed);
  while (report.finding === null && more(report)) {
    const template = fuzzer.template();
    before(template);
    run(report, template, fuzzer.pick(rows));
  }
  return report;
}
