// Step "render": one row's columns into one checked call. Columns are data: what a template printed is never rendered again.
import { type Refusal, isRefusal, refuse } from '../../protocol/error-codes.ts';
import { isRawNumber, type Json, jsonFault, parseJson } from '../../protocol/json.ts';
import { limits } from '../../protocol/limits.ts';
import type { ActionInput } from '../iam/action.ts';
import { type PreparedCall, prepareCall } from '../iam/inputs.ts';
import { renderTemplate } from '../template/template.ts';
import type { Plan } from './plan.ts';

/** Refusals: row_malformed, missing_input, invalid_input, secret_reference and the template_… codes. */
export function renderRow(plan: Plan, line: string): PreparedCall | Refusal {
  const row = readRow(line);
  if (isRefusal(row)) return row;
  const scope = { row, references: plan.references, secretNames: plan.secretNames };
  const rendered = new Map<ActionInput, Json>();
  for (const planned of plan.inputs) {
    const value = planned.kind === 'value' ? planned.value : renderTemplate(planned.template, scope);
    if (isRefusal(value)) return refuse(value.code, `input ${JSON.stringify(planned.input.label)}: ${value.detail}`);
    rendered.set(planned.input, value);
  }
  return prepareCall(plan.action, rendered);
}

function readRow(line: string): Readonly<Record<string, Json>> | Refusal {
  const fault = jsonFault(line, limits.jsonDepth);
  if (fault !== null) {
    const found = fault === 'duplicate_key' ? 'a key that occurs twice' : 'nesting that is too deep';
    return refuse('row_malformed', `expected a JSON object with each column once, found ${found}`);
  }
  try {
    const row = parseJson(line);
    if (typeof row === 'object' && row !== null && !Array.isArray(row) && !isRawNumber(row)) {
      return row;
    }
  } catch {
    // Told below: the parser's own message quotes the row.
  }
  return refuse('row_malformed', 'expected a JSON object (column name to value)');
}
