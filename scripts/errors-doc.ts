// docs/errors.md from the table of error codes. `node scripts/errors-doc.ts` writes it, `--check` fails when it differs.
import { readFileSync, writeFileSync } from 'node:fs';
import { argv, exit, stderr } from 'node:process';
import { format } from 'prettier';
import { errorCodes, type Fixer } from '../protocol/error-codes.ts';

const target = new URL('../docs/errors.md', import.meta.url);

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

if (import.meta.main) {
  const wanted = await errorsDocument();
  if (!argv.includes('--check')) writeFileSync(target, wanted);
  else if (readFileSync(target, 'utf8') !== wanted) {
    stderr.write('docs/errors.md differs from protocol/error-codes.ts: run node scripts/errors-doc.ts\n');
    exit(1);
  }
}
