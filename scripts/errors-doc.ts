// docs/errors.md from the table of error codes. `node scripts/errors-doc.ts` writes it, `--check` fails when it differs.
import { format } from 'prettier';
import { errorCodes, type Fixer } from '../protocol/error-codes.ts';
import { writeOrCheck } from './written-document.ts';

const fixers: Readonly<Record<Fixer, string>> = {
  job_author: 'the author of the job',
  host_operator: 'the operator of the host',
  control_plane: 'the operator of the control plane',
  aws: 'the AWS account',
};

const introduction = `# Error codes

Every refusal and failure that the agent or the control plane reports has one of these codes. They are a closed
list and part of the interface: a code keeps its meaning, and new ones can be added. The text beside a code says
what was expected, what was found and what to do; it can change, so match on the code.

"Retry" says whether the same request can succeed later without anybody changing anything.

`;

/** As prettier wants it: the check of all files includes this one. */
export function errorsDocument(): Promise<string> {
  const rows = Object.entries(errorCodes).map(
    ([code, { meaning, retryable, fixer }]) =>
      `| \`${code}\` | ${meaning.replaceAll('|', String.raw`\|`)} | ${retryable ? 'yes' : 'no'} | ${fixers[fixer]} |`,
  );
  const table = `| code | meaning | retry | who can mend it |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`;
  return format(introduction + table, { parser: 'markdown' });
}

if (import.meta.main)
  writeOrCheck('docs/errors.md', await errorsDocument(), {
    source: 'protocol/error-codes.ts',
    script: 'scripts/errors-doc.ts',
  });
