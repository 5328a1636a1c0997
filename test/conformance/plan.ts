// What the oracle makes for one operation (test/support/iam_plan.py), as it arrives here.
import type { Json } from '../../protocol/json.ts';
import type { Answer } from '../support/scripted-endpoint.ts';

export type Parameters = Readonly<Record<string, Json>>;

export interface PlannedAnswer {
  readonly title: string;
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string;
  /** A member that the model requires is missing or empty. */
  readonly lacking?: boolean;
}

export interface WrongInput {
  readonly title: string;
  readonly input: Parameters;
  /** Faults of the first level that the agent finds before there are parameters. */
  readonly top: 'missing' | 'unknown' | null;
  /** A policy given as what it holds: boto3 wants its text, the agent writes it. */
  readonly document: boolean;
  /** boto3's text; null: boto3 sends it. */
  readonly error: string | null;
}

export interface Plan {
  readonly method: string;
  /** The list that is the output's only member besides paging. */
  readonly rows: string | null;
  readonly paged: boolean;
  /** Inputs whose values are never shown. */
  readonly secrets: readonly string[];
  readonly inputs: readonly { readonly title: string; readonly input: Parameters }[];
  readonly answers: readonly PlannedAnswer[];
  readonly pages: readonly { readonly title: string; readonly steps: readonly PlannedAnswer[] }[];
  readonly errors: readonly PlannedAnswer[];
  readonly broken: readonly PlannedAnswer[];
  readonly wrong: readonly WrongInput[];
}

export function stepOf({ status, headers, body }: PlannedAnswer): Answer {
  return { kind: 'answer', status, headers, body };
}
