// Every action a job can name. The records are generated from the SDK's schemas and botocore's model (scripts/catalogue); the agent's own
// inputs are added here. `assume_role` is no action.
import type { Action } from './action.ts';
import { agentInputs } from './agent-inputs.ts';
import { generatedActions } from './catalogue.generated.ts';

export const actions: readonly Action[] = generatedActions.map((action) => ({
  ...action,
  inputs: [...action.inputs, ...agentInputs(action.operation, action.output)],
}));

const byName: ReadonlyMap<string, Action> = new Map(actions.map((action) => [action.name, action]));

export function findAction(name: string): Action | undefined {
  return byName.get(name);
}
