// `actions [NAME]`: the catalogue of what a job may ask for, for people and (`--json`) for programs.
import { Command, Option } from 'commander';
import type { ExitCode } from '../../terminal/exit-codes.ts';
import { type Failure, failure } from '../../terminal/fail.ts';
import { plainTable } from '../../terminal/plain-table.ts';
import { action } from '../../terminal/program.ts';
import { type Terminal, widthOf, writeText } from '../../terminal/terminal.ts';
import { cut } from '../../terminal/visible-text.ts';
import { editDistance } from '../edit-distance.ts';
import { type AccessLevel, accessLevels, type Repeat } from '../iam/action.ts';
import { type ActionGuide, commandOf, type InputGuide, outputText, valuesOf } from '../iam/action-guide.ts';

/** Loaded only when asked for: the texts behind it take a moment. */
export type CatalogueLoader = () => Promise<readonly ActionGuide[]>;

interface Options {
  readonly json?: true;
  readonly search?: string;
  readonly access?: AccessLevel;
}

const help = `
Examples:
  iam-agent actions --search 'access key'
  iam-agent actions --access permissions
  iam-agent actions update_access_key
  iam-agent actions --json`;

export function actionsCommand(terminal: Terminal, loadCatalogue: CatalogueLoader): Command {
  return new Command('actions')
    .description('List the actions, or show one with its inputs')
    .argument('[name]', 'action, for example list_access_keys')
    .option('--search <text>', 'only actions in whose name or description all these words are')
    .addOption(new Option('--access <level>', 'only actions of this access level').choices(accessLevels))
    .option('--json', 'JSON: an array of actions, or the one that is named')
    .addHelpText('after', help)
    .action(
      action(terminal, async (name: string | undefined, options: Options) =>
        show(terminal, await loadCatalogue(), { name, options }),
      ),
    );
}

async function show(
  terminal: Terminal,
  catalogue: readonly ActionGuide[],
  { name, options }: { readonly name: string | undefined; readonly options: Options },
): Promise<ExitCode | Failure> {
  if (name !== undefined && (options.search ?? options.access) !== undefined)
    return failure('usage', 'usage', 'give a name, or --search and --access, not both', 'iam-agent actions --help');
  if (name === undefined) {
    const found = catalogue.filter(
      (one) => matches(one, options.search ?? '') && (options.access ?? one.accessLevel) === one.accessLevel,
    );
    await writeText(terminal.stdout, options.json === true ? json(found) : list(found, terminal));
    return 'ok';
  }
  const wanted = plain(name);
  const one = catalogue.find((each) => each.name === wanted || plain(each.displayName) === wanted);
  if (one === undefined) return unknown(name, catalogue);
  await writeText(terminal.stdout, options.json === true ? json(one) : details(one));
  return 'ok';
}

/** "List Access Keys" is found as well as list_access_keys. */
const plain = (name: string): string =>
  name
    .trim()
    .toLowerCase()
    .replace(/[\s-]+/g, '_');

const json = (value: ActionGuide | readonly ActionGuide[]): string => `${JSON.stringify(value, null, 2)}\n`;

function matches(one: ActionGuide, search: string): boolean {
  const text = `${one.name} ${one.displayName} ${one.description}`.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function unknown(name: string, catalogue: readonly ActionGuide[]): Failure {
  const close = catalogue
    .map((one) => ({ name: one.name, distance: editDistance(plain(name), one.name) }))
    .filter(({ distance: far }) => far <= Math.max(2, name.length / 3))
    .sort((left, right) => left.distance - right.distance)
    .slice(0, 3)
    .map((one) => one.name);
  const suggestion = close.length === 0 ? "'iam-agent actions' lists them all" : `did you mean ${close.join(' or ')}?`;
  return failure('bad_data', 'unknown_action', `there is no action '${name.slice(0, 128)}'`, suggestion);
}

function list(found: readonly ActionGuide[], { stdout }: Terminal): string {
  const rows = found.map((one) => [one.name, one.accessLevel, one.description]);
  const table = plainTable(['ACTION', 'ACCESS', 'DESCRIPTION'], rows);
  const width = stdout.isTTY === true ? widthOf(stdout) : null;
  const lines =
    width === null
      ? table
      : table
          .split('\n')
          .map((line) => cut(line, width))
          .join('\n');
  return found.length === 0 ? 'no action fits\n' : lines;
}

const repeats: Readonly<Record<Repeat, string>> = {
  safe: 'can be repeated; the answer is the same',
  answer_changes: 'can be repeated; the state is the same, the answer may differ',
  never: 'is never repeated blindly: something would be made twice',
};

function details(one: ActionGuide): string {
  const facts = plainTable(
    [one.name, one.displayName],
    [
      ['access', one.accessLevel],
      ['calls', `${one.service}:${one.operation}`],
      ['repeat', repeats[one.repeat]],
      ['output', outputText(one)],
      ['example', commandOf(one)],
      ...(one.secretOutputs.length === 0 ? [] : [['secret', one.secretOutputs.join(', ')]]),
    ],
  );
  const inputs = plainTable(['INPUT', 'TYPE', 'REQUIRED', 'EXAMPLE', 'MEANING'], one.inputs.map(inputCells));
  return `${facts}\n${one.description}\n\n${inputs}`;
}

function inputCells(input: InputGuide): readonly string[] {
  const values = valuesOf(input);
  const choices = values.length === 0 ? '' : ` One of: ${values.join(', ')}.`;
  const secret = input.secret === true ? ' Secret: never shown.' : '';
  const required = input.required ? 'yes' : 'no';
  return [input.label, input.type, required, input.example, `${input.description}${choices}${secret}`];
}
