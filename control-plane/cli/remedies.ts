// What to do about a rejected job: said where the job was made, for the person who made it and the one who runs the host.
import { type ErrorCode, errorCodes, type Fixer } from '../../protocol/error-codes.ts';
import type { JobView } from './job-view.ts';

type Subject = Pick<JobView, 'agent' | 'connection' | 'action'>;

const inputs = ({ action }: Subject): string => `'iam-agent actions ${action}' lists the inputs and which are required`;
const template = (): string => 'try it with: iam-agent render \'TEMPLATE\' --row \'{"column": "value"}\'';
const clocks = ({ agent }: Subject): string =>
  `compare the clocks of ${agent} and of the control plane, then run it again`;

const remedies: Readonly<Partial<Record<ErrorCode, (subject: Subject) => string>>> = {
  action_not_allowed: ({ agent, connection, action }) =>
    [
      `on the host of ${agent}, add the action in /etc/iam-agent/config.yaml and restart it (systemctl restart iam-agent):`,
      'connections:',
      `  - label: ${connection}`,
      `    allow: [list, read, ${action}]`,
    ].join('\n'),
  role_not_allowed: ({ agent, connection }) =>
    [
      `on the host of ${agent}, add the role in /etc/iam-agent/config.yaml and restart it (systemctl restart iam-agent):`,
      'connections:',
      `  - label: ${connection}`,
      '    allowed_role_arns: [ROLE ARN]',
    ].join('\n'),
  unknown_connection: () => "'iam-control-plane agents list' shows the connections that each agent offers",
  unknown_action: () => "'iam-agent actions' lists them all, 'iam-agent actions --search WORD' finds one",
  unknown_input: inputs,
  missing_input: inputs,
  invalid_input: inputs,
  template_syntax: template,
  template_unsupported: template,
  template_undefined: template,
  secret_reference: () => 'use a text reference value, or a column of the row',
  token_expired: clocks,
  token_not_yet_valid: clocks,
  token_unknown_key: ({ agent }) => `pair ${agent} again, or wait until it knows the new key`,
};

const fixers: Readonly<Record<Fixer, string>> = {
  job_author: 'change the job and run it again',
  host_operator: "this is for the operator of the agent's host: its log (journalctl -u iam-agent) has more",
  control_plane: 'this is for the operator of the control plane: its log has more',
  aws: 'this is for the administrator of the AWS account',
};

/** Undefined for a code that this version does not know. */
export function remedyOf(code: string, subject: Subject): string | undefined {
  const known = errorCode(code);
  return known === null ? undefined : (remedies[known]?.(subject) ?? fixers[errorCodes[known].fixer]);
}

function errorCode(code: string): ErrorCode | null {
  const isKnown = (text: string): text is ErrorCode => Object.hasOwn(errorCodes, text);
  return isKnown(code) ? code : null;
}
