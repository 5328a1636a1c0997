// docs/outcome-unknown.md from the table of read-backs. `node scripts/outcome-doc.ts` writes it, `--check` fails when it differs.
import { format } from 'prettier';
import type { Action } from '../agent/iam/action.ts';
import { actions } from '../agent/iam/catalogue.ts';
import type { Expected, ReadBack } from '../agent/iam/reconcile/rule.ts';
import { readBackOf } from '../agent/iam/reconcile/table.ts';
import { writeOrCheck } from './written-document.ts';

const introduction = `# Outcome unknown

A call that changes something is sent once. When its answer does not come (the connection broke, AWS answered with a 5xx or
with something that is no answer, the process ended), nobody knows whether AWS carried it out, and sending it again could do
it twice. So the agent looks: it reads back what the change is about, several times over \`read_back_seconds\` of the
connection, since what IAM shows lags behind what it did and the lost request may still be under way. Then the row ends as
\`unknown\`, with \`outcome_unknown\` and a text that has how the answer was lost and one of:

- **The wanted state holds now**: what was asked for was seen. Whether it is by this call is known only where the text says
  so; it may have been so before, or be somebody else's doing.
- **The wanted state does not hold; the call may still take effect**: at the last look it was not so.
- **Whether the wanted state holds could not be read**: with the reason. The agent's reads need permissions of their own (the
  operations in the tables), not the connection's \`allow\` list; a read that is denied is said, and is no failure of its own.

The outcome is \`outcome_unknown\` also when the state holds, and also with a mark (below): the answer is lost, and with it
what a playbook would go on with (ids, secrets). A row that ends so is not sent again by the agent; whoever reads the text
decides. Reads share the connection's rate and places with all other calls; one that fails is repeated for 5 seconds at most.

**What is made** under a name is told from what was there by its id, noted in the journal before the call. What gets its
name from AWS (keys, versions) is told by the ids that were there: all new ones are candidates, and are named. That costs a read
before each such call. If it fails, the call is made all the same, and afterwards the text says that nothing is known.

**Turns.** Changes of one thing (one user, one role, one policy; for what names nothing, one part of the account) wait for
each other, their reading back included, so that two calls are not taken for each other. All others run side by side. The account is
known by the role that is assumed; connections without a role count as of one account. What is outside of this agent, and a
connection with a role beside one without for the same account, it cannot hold back.

**\`deactivate_orphans\`** of a connection: a key nobody holds the secret of should not be usable. When the answer to
\`create_access_key\` or \`create_service_specific_credential\` was lost, what was there before is known, exactly one
candidate fits, and AWS dates it no earlier than the read before the call, it is made inactive, after that was noted in the
journal; the text says so, or why not. Nothing is deleted, so what was somebody else's after all can be made active again.
It is the host's rule: the connection's \`allow\` list does not need the update, and neither a cancel of the job nor its latest
start stops it. A drain leaves it to the next start.

**\`mark_created\`** of a connection: what can be made with tags gets one more, \`iam-agent:job\` = job id and row
(\`JOB/ROW\`; \`RUN/ROW\` for \`iam-agent exec\`). A lost call's own thing is then told from any other: "this call made it",
or whose mark it carries. A dry run shows the tag. AWS asks for the permission to tag (\`iam:TagUser\` and so on), and 50 tags of
the job's own leave no room for it. A job that uses the key itself is refused. Off by default: results then differ from boto3's by that tag.

`;

const code = (text: string): string => `\`${text}\``;
const cell = (text: string): string => text.replaceAll('|', String.raw`\|`);
/** A filled-in text with its inputs as what they are. */
const inWords = (template: string): string =>
  cell(
    template.replaceAll(/\{([^}|]+)(?:\|([^}]+))?\}/g, (_all, name: string, other = '') =>
      other === '' || other.startsWith('=') ? `_${name}_` : `_${name}_ or _${other}_`,
    ),
  );

function expectedText(path: string, expected: Expected): string {
  const name = code(path.split('.').at(-1) ?? path);
  if (typeof expected === 'string') return `${name} = _${expected}_`;
  if ('oneOf' in expected) return `${name} is ${expected.oneOf.map((value) => JSON.stringify(value)).join(' or ')}`;
  if ('lacks' in expected) return `${name} without _${expected.of}_`;
  if ('values' in expected) return `${name} as _${expected.of}_ says`;
  return `${name} = _${expected.of}_ (not given: ${JSON.stringify(expected.byDefault)})`;
}

type Readable = Exclude<ReadBack, { kind: 'unreadable' }>;

function wantedText(rule: Readable): string {
  const what = inWords(rule.what);
  switch (rule.kind) {
    case 'tags':
      return rule.wanted === 'there' ? `${what} has every tag of _Tags_` : `${what} has no tag of _TagKeys_`;
    case 'named':
      return `${what} is there`;
    case 'minted': {
      const fits = Object.values(rule.fits ?? {}).map(inWords);
      return `a new ${what} is there${fits.length === 0 ? '' : `, with ${fits.join(', ')} where the list shows it`}`;
    }
    case 'state': {
      const equal = Object.entries(rule.equal ?? {}).map(([path, expected]) => expectedText(path, expected));
      const renames = rule.renames === undefined ? [] : ['it is the one that was to be renamed'];
      // The rules for passwords: one line says it.
      const shown = equal.length > 4 ? ['each member as given, or what AWS then takes'] : equal;
      const all = [...shown, ...renames].join('; ');
      return `${what} is ${rule.wanted}${all === '' ? '' : `: ${all}`}`;
    }
    default:
      return rule satisfies never;
  }
}

function notes(rule: Readable): string {
  const hidden = Object.entries(rule.hidden ?? {}).map(([member, why]) => `_${member}_ is not read: ${why}`);
  const minted = rule.kind === 'minted' && rule.deactivate !== undefined ? ['`deactivate_orphans`'] : [];
  const mark =
    rule.kind === 'named' && rule.mark !== undefined ? [`\`mark_created\`, read by ${code(rule.mark.operation)}`] : [];
  return [...hidden, ...minted, ...mark].join('; ');
}

const line = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;

function tableOf(own: readonly Action[]): string {
  const rows = own.flatMap(({ name, operation }) => {
    const rule = readBackOf(operation);
    if (rule === undefined || rule.kind === 'unreadable') return [];
    return line(code(name), code(rule.read.operation), wantedText(rule), notes(rule));
  });
  return line('action', 'read by', 'the wanted state', '') + line('---', '---', '---', '---') + rows.join('');
}

export async function outcomeDocument(): Promise<string> {
  const changes = actions.filter(({ repeat }) => repeat !== 'safe');
  const of = (...kinds: readonly ReadBack['kind'][]): readonly Action[] =>
    changes.filter(({ operation }) => kinds.includes(readBackOf(operation)?.kind ?? 'unreadable'));
  const unreadable = of('unreadable').map(({ name, operation }) => {
    const rule = readBackOf(operation);
    return line(code(name), rule?.kind === 'unreadable' ? rule.reason : 'this agent knows no read for it');
  });
  const sections = [
    `## Made under a name that the call chooses (${of('named').length})\n\nNoted before: the id of what has the name.\n\n${tableOf(of('named'))}`,
    `## Made under an id that AWS chooses (${of('minted').length})\n\nNoted before: the ids that are there.\n\n${tableOf(of('minted'))}`,
    `## Changed, attached, removed (${of('state', 'tags').length})\n\nNoted before: the id of what is renamed; else nothing.\n\n${tableOf(of('state', 'tags'))}`,
    `## What no read shows (${unreadable.length})\n\n${line('action', 'why, and what to do')}${line('---', '---')}${unreadable.join('')}`,
  ];
  return await format(introduction + sections.join('\n'), { parser: 'markdown' });
}

if (import.meta.main)
  writeOrCheck('docs/outcome-unknown.md', await outcomeDocument(), {
    source: 'the table',
    script: 'scripts/outcome-doc.ts',
  });
