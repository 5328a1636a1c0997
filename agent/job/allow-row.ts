// Step "allow row": what only the rendered inputs show. A row may name no role that the host did not list.
import type { Refusal } from '../../protocol/error-codes.ts';
import type { PreparedCall } from '../iam/inputs.ts';
import { explainRoleRefusal, isRoleAllowed } from './allow-list.ts';
import type { Plan } from './plan.ts';

/** Refusals: role_not_allowed. */
export function allowRow(plan: Plan, call: PreparedCall): PreparedCall | Refusal {
  const { roleArn } = call;
  if (roleArn === null || isRoleAllowed(plan.connection.allowedRoleArns, roleArn)) return call;
  return explainRoleRefusal(plan.connection.label, roleArn);
}
