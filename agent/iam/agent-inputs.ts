// The inputs that are the agent's own and no part of a request: whom to be, how much to give, in which form, and how long to wait.
import type { ActionInput, ActionOutput } from './action.ts';
import { waits } from './wait-rules.ts';

const roleArn: ActionInput = {
  label: 'Role Arn',
  member: 'RoleArn',
  role: 'role_arn',
  shape: { type: 'text' },
  required: false,
};

const maxItems: ActionInput = {
  label: 'Max Items',
  member: 'MaxItems',
  role: 'max_items',
  shape: { type: 'integer', min: 1 },
  required: false,
};

const asRows: ActionInput = {
  label: 'As Rows',
  member: 'AsRows',
  role: 'as_rows',
  shape: { type: 'boolean' },
  required: false,
};

const waitSeconds: ActionInput = {
  label: 'Wait Seconds',
  member: 'WaitSeconds',
  role: 'wait_seconds',
  shape: { type: 'integer', min: 1 },
  required: false,
};

/** The operation whose answer is a CSV file, which can be given row by row. */
export const reportOperation = 'GetCredentialReport';

/** In the order in which they are shown, after those of the request. */
export function agentInputs(operation: string, output: ActionOutput): readonly ActionInput[] {
  const canBeRows = operation === reportOperation || (output.kind === 'object' && output.lists !== undefined);
  return [
    ...(canBeRows ? [asRows] : []),
    ...(canBeRows || output.kind === 'rows' ? [maxItems] : []),
    ...(waits.has(operation) ? [waitSeconds] : []),
    roleArn,
  ];
}

/** One sentence on each, for people. */
export const agentInputTexts: Readonly<Record<string, string>> = {
  RoleArn: "The role to assume before the call. Blank: the connection's own identity.",
  MaxItems: 'The largest number of rows of the whole listing. Blank: all.',
  AsRows: 'True: one result for each item (each line of a report), given as they come. Blank: False, one result.',
  WaitSeconds: 'How long to wait, at the most, until AWS has finished. Blank: do not wait.',
};
