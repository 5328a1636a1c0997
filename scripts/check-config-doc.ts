// docs/configuration.md has the table of all keys, made from the schema. Without an argument this fails when the table differs; `--write`
// replaces it.
import { readFileSync, writeFileSync } from 'node:fs';
import { argv, exit, stderr } from 'node:process';
import { format } from 'prettier';
import { z } from 'zod';
import { configSchema } from '../agent/config/schema.ts';
import { bare } from '../agent/config/schema-problems.ts';

const target = new URL('../docs/configuration.md', import.meta.url);
const begin = '<!-- keys: made by scripts/check-config-doc.ts -->\n';
const end = '<!-- end of keys -->\n';

export interface ConfigKey {
  /** As `connections[].limits.burst`. */
  readonly path: string;
  readonly name: string;
  readonly about: string;
  readonly required: boolean;
  /** The default as it stands in the schema; undefined when there is none. */
  readonly default: unknown;
  readonly defaultText: string;
}

/** Every key of the configuration file, in the order of the schema. */
export function configKeys(schema: unknown = configSchema, prefix = ''): ConfigKey[] {
  const inside = bare(schema);
  if (inside instanceof z.ZodArray) return configKeys(inside.element, `${prefix}[]`);
  if (!(inside instanceof z.ZodObject)) return [];
  return Object.entries(inside.shape).flatMap(([name, member]) => {
    if (!(member instanceof z.ZodType)) throw new TypeError(`${prefix}.${name} is no schema`);
    const path = prefix === '' ? name : `${prefix}.${name}`;
    return [describeKey(path, name, member), ...configKeys(member, path)];
  });
}

function describeKey(path: string, name: string, member: z.ZodType): ConfigKey {
  const meta = member.meta() ?? {};
  const required = !member.safeParse(undefined).success && !(member instanceof z.ZodExactOptional);
  const value: unknown = member instanceof z.ZodDefault ? member.def.defaultValue : undefined;
  const given = typeof meta['defaultText'] === 'string' ? meta['defaultText'] : null;
  const inner = bare(member) instanceof z.ZodObject;
  const shown = required ? 'required' : (given ?? (value === undefined || inner ? '' : `\`${JSON.stringify(value)}\``));
  const about = typeof meta['about'] === 'string' ? meta['about'] : '';
  return { path, name, about, required, default: value, defaultText: shown };
}

function keyTable(): string {
  const rows = configKeys().map(
    ({ path, defaultText, about }) => `| \`${path}\` | ${defaultText.replaceAll('"', '')} | ${about} |`,
  );
  return `| key | default | meaning |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
}

/** The document with the table as it should be. */
export function configurationDocument(current: string): Promise<string> {
  const [from, to] = [current.indexOf(begin), current.indexOf(end)];
  if (from < 0 || to < from) throw new Error('docs/configuration.md has lost the marks around its table');
  const text = `${current.slice(0, from + begin.length)}\n${keyTable()}\n${current.slice(to)}`;
  return format(text, { parser: 'markdown' });
}

if (import.meta.main) {
  const current = readFileSync(target, 'utf8');
  const wanted = await configurationDocument(current);
  if (argv.includes('--write')) writeFileSync(target, wanted);
  else if (current !== wanted) {
    stderr.write('docs/configuration.md differs from the schema: run node scripts/check-config-doc.ts --write\n');
    exit(1);
  }
}
