// What a template costs: microseconds to compile it once and to render it for one row, the median of several rounds, with a row of eight
// columns. `node bench/template.ts [--json]`
import { parseArgs } from 'node:util';
import { compileTemplate, renderTemplate, type Template } from '../agent/template/template.ts';
import { isRefusal } from '../protocol/error-codes.ts';

const rounds = 9;
const compilesPerRound = 500;
const rendersPerRound = 5_000;
const scope = {
  row: {
    name: 'alice',
    user: 'Alice Smith',
    num: 5,
    region: 'eu-west-1',
    active: true,
    team: null,
    list: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'],
    tags: { env: 'prod', cost: '7' },
  },
  references: { account: '123456789012' },
  secretNames: new Set<string>(),
};
const templates = {
  'one name': '{{ name }}',
  'two parts, a filter': '{{ user|lower }}@{{ region }}',
  'if, three filters': "{% if active %}{{ user|lower|replace(' ', '.')|truncate(20) }}{% else %}none{% endif %}",
  'loop of ten': '{% for x in list %}{{ loop.index }}={{ x|upper }}{% if not loop.last %},{% endif %}{% endfor %}',
  'dict, methods, default': "{{ tags.get('env', 'dev').upper() }}-{{ tags.owner|default('nobody') }}-{{ num + 1 }}",
};

function compiled(source: string): Template {
  const template = compileTemplate(source);
  if (isRefusal(template)) throw new Error(`${source}: ${template.detail}`);
  return template;
}

function micros(times: number, run: () => unknown): number {
  const results = Array.from({ length: rounds }, () => {
    const start = performance.now();
    for (let at = 0; at < times; at += 1) run();
    return ((performance.now() - start) * 1_000) / times;
  });
  return results.toSorted((a, b) => a - b)[Math.floor(rounds / 2)] ?? Number.NaN;
}

function measure([name, source]: readonly [string, string]): { name: string; compileUs: number; renderUs: number } {
  const template = compiled(source);
  const text = renderTemplate(template, scope);
  if (isRefusal(text)) throw new Error(`${source}: ${text.detail}`);
  const compileUs = micros(compilesPerRound, () => compileTemplate(source));
  return { name, compileUs, renderUs: micros(rendersPerRound, () => renderTemplate(template, scope)) };
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const results = Object.entries(templates).map(measure);
if (values.json) process.stdout.write(`${JSON.stringify(results)}\n`);
else {
  process.stdout.write('template                  compile us   render us\n');
  for (const { name, compileUs, renderUs } of results)
    process.stdout.write(
      `${name.padEnd(25)} ${compileUs.toFixed(1).padStart(10)} ${renderUs.toFixed(2).padStart(11)}\n`,
    );
}
