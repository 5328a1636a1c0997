// The mark: a tag with which a connection, if its host asks for it, makes what it creates, so that after a lost answer what this call made can
// be told from what anybody else made. It is part of the call from the start: a dry run shows it, and the journal keeps it.
import { type Refusal, refuse } from '../../../protocol/error-codes.ts';
import type { Json } from '../../../protocol/json.ts';
import type { PreparedCall } from '../inputs.ts';
import { isObject } from './rule.ts';
import { readBackOf } from './table.ts';

export const markKey = 'iam-agent:job';

/** True for an action whose thing can be made with a tag. */
export function isMarkable(operation: string): boolean {
  const rule = readBackOf(operation);
  return rule?.kind === 'named' && rule.mark !== undefined;
}

/** The call with its mark, or as it is when its action makes nothing that takes tags. Refusal: the job uses the mark's key itself. */
export function markCall(call: PreparedCall, mark: string): PreparedCall | Refusal {
  if (!isMarkable(call.action.operation)) return call;
  const { Tags: given = [] } = call.input;
  const tags: readonly Json[] = Array.isArray(given) ? given : [];
  if (tags.some((tag) => isObject(tag) && tag['Key'] === markKey)) {
    const detail = `"Tags" has the key "${markKey}", which is this agent's own on this connection (mark_created); leave it out.`;
    return refuse('invalid_input', detail);
  }
  return { ...call, mark, input: { ...call.input, Tags: [...tags, { Key: markKey, Value: mark }] } };
}
