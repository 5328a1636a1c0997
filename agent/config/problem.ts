// What is wrong with a configuration, for the person who has to mend it: where, what was expected, what was found, what to do.
// Never holds a secret: `found` describes a value by its kind where the value could be one.
import type { ErrorCode } from '../../protocol/error-codes.ts';

export interface ConfigProblem {
  readonly code: Extract<ErrorCode, 'configuration_invalid' | 'secret_file_exposed'>;
  readonly file: string;
  /** From 1; 0 when the problem has no place in the file. */
  readonly line: number;
  readonly column: number;
  /** As `connections[0].role_arn`; empty for the file as a whole. */
  readonly key: string;
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;
}

export interface ConfigProblems {
  readonly kind: 'config_problems';
  readonly file: string;
  /** All of them, in the order of the file; at least one. */
  readonly problems: readonly ConfigProblem[];
}

export function isConfigProblems(value: { readonly kind: string }): value is ConfigProblems {
  return value.kind === 'config_problems';
}

/** One block of lines for each problem, and one line that counts them. */
export function formatProblems({ file, problems }: ConfigProblems): string {
  const blocks = problems.map((problem) => {
    const place = problem.line === 0 ? problem.file : `${problem.file}:${problem.line}:${problem.column}`;
    return [
      `${place}: ${problem.key === '' ? 'the file' : problem.key}`,
      `  expected  ${problem.expected}`,
      `  found     ${problem.found}`,
      `  to do     ${problem.remedy}`,
    ].join('\n');
  });
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return `${blocks.join('\n')}\n${count} in ${file}; nothing was started\n`;
}

/** A path into the file, as people write it. */
export type KeyPath = readonly (string | number)[];

export function keyText(path: KeyPath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    const name = /^[\w-]{1,64}$/.test(step) ? step : JSON.stringify(step.slice(0, 64));
    return text === '' ? name : `${text}.${name}`;
  }, '');
}
