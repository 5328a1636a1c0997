// Step "allow": may this host run this job at all? Connection, action, the host's allow list, inputs, templates, in this order;
// the first failure is the answer. Nothing of a job is written or run before this step said yes.
import { type Refusal, isRefusal, refuse } from '../../protocol/error-codes.ts';
import type { JobInputs } from '../../protocol/job-claims.ts';
import type { Action } from '../iam/action.ts';
import { findAction } from '../iam/catalogue.ts';
import { matchInputs } from '../iam/inputs.ts';
import type { Connection } from '../connection.ts';
import { compileTemplate } from '../template/template.ts';
import { explainRefusal, isAllowed } from './allow-list.ts';
import type { JobRequest, Plan, PlannedInput } from './plan.ts';

/**
 * Refusals: unknown_connection, unknown_action, action_not_allowed, unknown_input, missing_input, template_syntax,
 * template_unsupported, template_budget.
 */
export function allowJob(request: JobRequest, connections: ReadonlyMap<string, Connection>): Plan | Refusal {
  const connection = connections.get(request.connection);
  if (connection === undefined) {
    const known = [...connections.keys()].toSorted().join(', ') || 'none';
    return refuse('unknown_connection', `expected one of: ${known}; found ${JSON.stringify(request.connection)}`);
  }
  const action = findAction(request.action);
  if (action === undefined) {
    return refuse(
      'unknown_action',
      `the catalogue has no action ${JSON.stringify(request.action)}; \`iam-agent actions\` lists them`,
    );
  }
  if (!isAllowed(connection.allow, action)) return explainRefusal(connection.label, action);
  const inputs = planInputs(action, request.inputs);
  if (isRefusal(inputs)) return inputs;
  const values = connection.referenceValues;
  const references = Object.fromEntries(
    values.filter((one) => one.kind === 'text').map((one) => [one.name, one.value]),
  );
  const secretNames = new Set(values.filter((one) => one.kind === 'password').map((one) => one.name));
  return { action, connection, inputs, references, secretNames, options: request.options };
}

function planInputs(action: Action, inputs: JobInputs): readonly PlannedInput[] | Refusal {
  const matched = matchInputs(action, Object.keys(inputs));
  if (isRefusal(matched)) return matched;
  const planned: PlannedInput[] = [];
  for (const [name, input] of matched) {
    const value = inputs[name] ?? null;
    if (typeof value !== 'string') {
      planned.push({ kind: 'value', input, value });
      continue;
    }
    const template = compileTemplate(value);
    if (isRefusal(template)) return refuse(template.code, `input ${JSON.stringify(name)}: ${template.detail}`);
    planned.push({ kind: 'template', input, template });
  }
  return planned;
}
