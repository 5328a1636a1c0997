// `render TEMPLATE`: what a template gives for a row, exactly, and one newline; or the coded reason why it gives nothing. For people who write
// playbooks: no job, no AWS, and no configuration unless a connection's reference values are asked for.
import { Command } from 'commander';
import { isRefusal, type Refusal, refuse } from '../../protocol/error-codes.ts';
import { type Json, isRawNumber, jsonFault, parseJson } from '../../protocol/json.ts';
import { limits } from '../../protocol/limits.ts';
import { exitCodeHelp, type ExitCode } from '../../terminal/exit-codes.ts';
import { type Failure, failure, isFailure, refusalFailure } from '../../terminal/fail.ts';
import { action } from '../../terminal/program.ts';
import { type Terminal, writeText } from '../../terminal/terminal.ts';
import type { AgentConfig } from '../config/load-config.ts';
import type { Connection } from '../connection.ts';
import { compileTemplate, renderTemplate, type Scope } from '../template/template.ts';

/** Reads the configuration that this command was told to use. */
export type ConfigLoader = (command: Command) => Promise<AgentConfig | Failure>;

interface Options {
  readonly row: string;
  readonly connection?: string;
}

type References = Pick<Scope, 'references' | 'secretNames'>;

const help = `
Examples:
  iam-agent render '{{ user|lower }}' --row '{"user": "Alice"}'
  iam-agent render 'arn:{{ partition }}:iam::aws:policy/ReadOnlyAccess' --connection prod
${exitCodeHelp(['ok', 'usage', 'bad_data', 'configuration'])}`;

export function renderCommand(terminal: Terminal, loadConfig: ConfigLoader): Command {
  const command = new Command('render')
    .description('Print what a template gives for a row')
    .argument('<template>', "template, for example '{{ user|lower }}'")
    .option('--row <json>', 'the row: a JSON object of columns', '{}')
    .option('--connection <label>', "use this connection's reference values")
    .addHelpText('after', help);
  return command.action(
    action(terminal, (template: string, options: Options) =>
      render(terminal, () => loadConfig(command), { template, options }),
    ),
  );
}

async function render(
  terminal: Terminal,
  loadConfig: () => Promise<AgentConfig | Failure>,
  { template, options }: { readonly template: string; readonly options: Options },
): Promise<ExitCode | Failure> {
  const row = parseRow(options.row);
  if (isRefusal(row)) return refusalFailure(row, 'bad_data', 'for example --row \'{"user": "alice"}\'');
  const known = options.connection === undefined ? noReferences : await referencesOf(options.connection, loadConfig);
  if (isFailure(known)) return known;
  const compiled = compileTemplate(template);
  const text = isRefusal(compiled) ? compiled : renderTemplate(compiled, { row, ...known });
  if (isRefusal(text)) return refusalFailure(text, 'bad_data', helpFor(text, options));
  await writeText(terminal.stdout, `${text}\n`);
  return 'ok';
}

const noReferences: References = { references: {}, secretNames: new Set() };

async function referencesOf(
  label: string,
  loadConfig: () => Promise<AgentConfig | Failure>,
): Promise<References | Failure> {
  const config = await loadConfig();
  if (isFailure(config)) return config;
  const connection = config.connections.find((one) => one.label === label);
  if (connection !== undefined) return scopeOf(connection);
  const labels = config.connections.map((one) => one.label).join(', ');
  const detail = `${config.file} has no connection '${label}'`;
  return failure('bad_data', 'unknown_connection', detail, labels === '' ? 'it has none' : `it has: ${labels}`);
}

function scopeOf({ referenceValues }: Connection): References {
  const texts = referenceValues.filter(({ kind }) => kind === 'text').map(({ name, value }) => [name, value] as const);
  const secrets = referenceValues.filter(({ kind }) => kind === 'password').map(({ name }) => name);
  return { references: Object.fromEntries(texts), secretNames: new Set(secrets) };
}

function parseRow(text: string): Readonly<Record<string, Json>> | Refusal {
  try {
    const row = parseJson(text);
    if (typeof row !== 'object' || row === null || Array.isArray(row) || isRawNumber(row))
      return refuse('row_malformed', `--row expects a JSON object, found ${text.slice(0, 40)}`);
    const fault = jsonFault(text, limits.jsonDepth);
    if (fault === 'duplicate_key') return refuse('row_malformed', '--row names one column twice');
    return fault === null ? row : refuse('row_malformed', `--row nests deeper than ${limits.jsonDepth} levels`);
  } catch (error) {
    return refuse('row_malformed', `--row is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function helpFor({ code }: Refusal, { connection }: Options): string | undefined {
  if (code !== 'template_undefined') return undefined;
  return connection === undefined
    ? 'columns come from --row, reference values from --connection'
    : "use '|default(…)' for what may be missing";
}
