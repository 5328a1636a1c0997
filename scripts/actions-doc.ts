// docs/actions.md from the catalogue. `node scripts/actions-doc.ts` writes it, `--check` fails when it differs.
import { format } from 'prettier';
import { accessLevels } from '../agent/iam/action.ts';
import { type ActionGuide, guideOf, outputText, valuesOf } from '../agent/iam/action-guide.ts';
import { actions } from '../agent/iam/catalogue.ts';
import { writeOrCheck } from './written-document.ts';

const introduction = `# Actions

Every operation of the AWS IAM API is an action, and two of STS are (\`test_connection\`, \`get_access_key_info\`).
The same is on the command line: \`iam-agent actions --search 'access key'\`, \`iam-agent actions create_user\`,
\`iam-agent actions --json\`. Descriptions are AWS's own (from botocore's model, Apache-2.0) unless they are about the agent.

**Inputs** are [templates](templates.md); a label or the API's name names them. What a template renders is made the type
of the input: a whole number, \`True\` or \`False\`, and for lists, maps and structures JSON, or what a template prints for a
list or dict (\`['a', 'b']\`). A text that is no list is a list of one. A job can also carry the JSON value itself instead of
a template. Blank means "not given". Types, presence and minimum lengths are checked as boto3 checks them, before any call.

**Results** are what boto3 returns, as JSON. Three kinds of output:

- _one result_: the answer of the API, with \`ResponseMetadata\`.
- _one result, its pages merged_: all pages joined, as boto3's paginators do (\`build_full_result\`; without
  \`ResponseMetadata\`). With \`As Rows\` each item is a result of its own, as the pages come; \`List\` names its list.
- _one result for each of …_: one row for each item; items that are plain texts stand under the list's name.

**Compared with boto3.** \`test/conformance\` runs every operation beside boto3 and prints its counts: what moto implements
against a real moto server, all by generated answers, wrong inputs by botocore's texts. Different on purpose:

- A blank required input is refused (\`missing_input\`); so is a blank \`Username\`, which AWS would take for the caller's own
  user, and a change without one.
- A success of \`create_…\`, \`upload_…\`, \`reset_…\` or \`acquire_…\` without what AWS promises in it, or without any of its
  secrets, is an error.
- A blank \`Description\` of \`update_role_description\` is sent: it empties the description.
- Whole numbers are numbers, not \`True\` or \`False\`, and below 2^53. A policy may be given as the object it holds.
- A secret value is shown as \`***\` in a refusal.
- The selects of the published integration (Status of Update Access Key, two of List Policies) take only their values.

**Access** is what the host's \`allow\` lists name, besides the actions themselves.

`;

const cell = (text: string): string =>
  text
    .replaceAll('|', String.raw`\|`)
    .replaceAll('<', '&lt;')
    .replaceAll('*', String.raw`\*`)
    .replaceAll('_', String.raw`\_`);

function section(guide: ActionGuide): string {
  const facts = [
    `access \`${guide.accessLevel}\``,
    `calls \`${guide.service}:${guide.operation}\``,
    `repeat \`${guide.repeat}\``,
    outputText(guide),
    ...(guide.secretOutputs.length === 0
      ? []
      : [`secret: ${guide.secretOutputs.map((path) => `\`${path}\``).join(', ')}`]),
  ];
  // The role is the same everywhere and stands in the introduction's list.
  const rows = guide.inputs
    .filter(({ role }) => role !== 'role_arn')
    .map((input) => {
      const values = valuesOf(input);
      const choices = values.length === 0 ? '' : ` One of: ${values.join(', ')}.`;
      return `| ${input.label} | ${input.member} | ${cell(input.type)} | ${input.required ? 'yes' : 'no'} | ${cell(input.description + choices)} |`;
    });
  const table =
    rows.length === 0
      ? ''
      : `\n| input | API | type | required | meaning |\n| --- | --- | --- | --- | --- |\n${rows.join('\n')}\n`;
  return `### \`${guide.name}\`\n\n${cell(guide.description)}\n\n${facts.join(' · ')}\n${table}\n`;
}

export async function actionsDocument(): Promise<string> {
  const guides = actions.map(guideOf);
  const role = guides[0]?.inputs.find((input) => input.role === 'role_arn')?.description ?? '';
  const parts = accessLevels.map((level) => {
    const own = guides.filter((guide) => guide.accessLevel === level);
    return `## ${level} (${own.length})\n\n${own.map(section).join('')}`;
  });
  return await format(`${introduction}Every action takes \`Role Arn\`: ${role}\n\n${parts.join('')}`, {
    parser: 'markdown',
  });
}

if (import.meta.main)
  writeOrCheck('docs/actions.md', await actionsDocument(), {
    source: 'the catalogue',
    script: 'scripts/actions-doc.ts',
  });
