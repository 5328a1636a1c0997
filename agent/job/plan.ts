// A job (or an `exec` call) after every check that needs no row: what each of its rows is run with. Compiled once, never changed.
import type { JobInputs, JobOptions } from '../../protocol/job-claims.ts';
import type { Json } from '../../protocol/json.ts';
import type { Action, ActionInput } from '../iam/action.ts';
import type { Connection } from '../connection.ts';
import type { Template } from '../template/template.ts';

/** What is asked for, from a signed job's claims or from the command line. */
export interface JobRequest {
  readonly action: string;
  readonly connection: string;
  readonly inputs: JobInputs;
  readonly options: JobOptions;
}

/** Text is a template; any other JSON value is taken as it is. */
export type PlannedInput =
  | { readonly kind: 'template'; readonly input: ActionInput; readonly template: Template }
  | { readonly kind: 'value'; readonly input: ActionInput; readonly value: Json };

export interface Plan {
  readonly action: Action;
  readonly connection: Connection;
  readonly inputs: readonly PlannedInput[];
  /** Reference values of the text kind. */
  readonly references: Readonly<Record<string, string>>;
  /** Names of reference values of the password kind, which no input may read. */
  readonly secretNames: ReadonlySet<string>;
  readonly options: JobOptions;
}
