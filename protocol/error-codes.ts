// The closed table of every coded refusal and failure. Adding a row is an API change: docs/errors.md is kept equal by a test.

/** Who can mend it: the author of the job, the operator of the host, the operator of the control plane, or AWS (account side). */
export type Fixer = 'job_author' | 'host_operator' | 'control_plane' | 'aws';

interface ErrorRow {
  readonly meaning: string;
  readonly retryable: boolean;
  readonly fixer: Fixer;
}

const row = (meaning: string, fixer: Fixer, retryable = false): ErrorRow => ({ meaning, retryable, fixer });

export const errorCodes = {
  // Tokens and frames
  token_too_large: row('The job token is larger than the limit.', 'control_plane'),
  token_malformed: row('The token is not a compact JWS with the exact header this protocol allows.', 'control_plane'),
  token_wrong_type: row(
    'The token is signed, but for another purpose (its typ is not the one expected).',
    'control_plane',
  ),
  token_unknown_key: row('The token names a key that this agent does not trust.', 'control_plane'),
  token_bad_signature: row('The signature does not verify with the named key.', 'control_plane'),
  token_bad_claims: row('The signed claims do not match the schema exactly.', 'control_plane'),
  token_wrong_audience: row('The token was made for another agent.', 'control_plane'),
  token_expired: row('The token came after its last time of acceptance.', 'control_plane'),
  token_not_yet_valid: row('The token was issued in the future by more than the stated skew.', 'control_plane'),
  replayed: row('The job id is known with another token.', 'control_plane'),
  frame_too_large: row('A frame is larger than the limit.', 'control_plane'),
  frame_malformed: row('A frame is not JSON Lines with a type this protocol knows how to read.', 'control_plane'),
  frame_unexpected: row('A frame came in a state in which it has no meaning.', 'control_plane'),
  over_credit: row('More was sent than credit had been given for.', 'control_plane', true),
  // Local policy
  unknown_connection: row('The host has no connection with this label.', 'job_author'),
  unknown_action: row('The catalogue has no action with this name.', 'job_author'),
  action_not_allowed: row(
    "The connection's allow list does not name this action or its access level.",
    'host_operator',
  ),
  role_not_allowed: row("The role is not in the connection's allowed_role_arns.", 'host_operator'),
  // Inputs and templates
  unknown_input: row('The action has no input with this name.', 'job_author'),
  missing_input: row('A required input is absent, or rendered to nothing.', 'job_author'),
  invalid_input: row('An input has a value that the action cannot take.', 'job_author'),
  secret_reference: row('An input names a reference value of the password kind.', 'job_author'),
  template_syntax: row('The template does not parse.', 'job_author'),
  template_unsupported: row('The template uses something that this agent does not support.', 'job_author'),
  template_undefined: row('The template reads a name, column or member that does not exist.', 'job_author'),
  template_error: row(
    'The template failed while it was rendered (a type error, a division by zero, a bad argument).',
    'job_author',
  ),
  template_budget: row('The template used up its steps or its output size.', 'job_author'),
  // Rows and results
  row_too_large: row('A row is larger than the limit.', 'job_author'),
  row_malformed: row('A row is not a JSON object.', 'job_author'),
  rows_digest_mismatch: row('The rows that arrived are not the rows that were signed.', 'control_plane'),
  result_too_large: row('One envelope is larger than the limit.', 'aws'),
  cancelled: row('The job was cancelled before this row was run.', 'job_author'),
  expired: row('The job came to its latest start of a call before this row was run.', 'job_author'),
  row_deadline: row(
    'The row came to its own deadline before it was done; what was not done is in the message.',
    'job_author',
  ),
  stopped: row('An earlier row failed and the job asked to stop on the first error.', 'job_author'),
  outcome_unknown: row(
    'The call may or may not have been carried out; what could be read back is in the message.',
    'job_author',
  ),
  journal_rolled_back: row(
    "The host's journal is older than what the control plane holds; the job was quarantined.",
    'host_operator',
  ),
  results_lost_at_control_plane: row('The control plane holds less than it had acknowledged.', 'control_plane'),
  spool_full: row('The spool quota of the host is used up.', 'host_operator', true),
  // AWS
  aws_error: row('AWS answered with an error; its own code is in the message.', 'aws'),
  aws_throttled: row('AWS refused for its rate until the retries ran out.', 'aws', true),
  aws_transport: row('AWS could not be reached, or the connection broke.', 'host_operator', true),
  aws_timeout: row('AWS did not answer in time.', 'aws', true),
  aws_malformed: row('AWS answered with something that is no valid answer to this call.', 'aws'),
  wait_timeout: row('What the row waits for was not complete within its Wait Seconds.', 'aws', true),
  credentials_unavailable: row('No AWS credentials could be loaded on the host.', 'host_operator'),
  // Sessions and pairing
  session_rejected: row('The session token is not valid.', 'host_operator'),
  session_counter_reused: row(
    'The session counter is not larger than the last one: a cloned or rolled-back identity.',
    'host_operator',
  ),
  session_replaced: row('A newer session of the same agent took over.', 'host_operator', true),
  agent_revoked: row('The agent was revoked at the control plane.', 'control_plane'),
  heartbeat_lost: row('The peer missed two heartbeats.', 'host_operator', true),
  pairing_code_invalid: row('The pairing code is unknown or has expired.', 'host_operator'),
  pairing_code_used: row('The pairing code was already used with another key.', 'host_operator'),
  pairing_unreachable: row('The control plane could not be reached for pairing.', 'host_operator', true),
  fingerprint_mismatch: row('The control plane does not have the signing key that was announced.', 'host_operator'),
  // Host
  not_paired: row('The host has no identity yet.', 'host_operator'),
  configuration_invalid: row('The configuration file is not valid.', 'host_operator'),
  state_locked: row('Another process holds the state directory.', 'host_operator'),
  state_damaged: row('The state directory cannot be read: damaged, or the wrong key.', 'host_operator'),
  agent_not_running: row('No running agent answers on the local socket of the state directory.', 'host_operator'),
  agent_draining: row('The agent is stopping and takes nothing new.', 'host_operator', true),
  local_version: row(
    'The running agent and the command speak different versions of the local socket.',
    'host_operator',
  ),
  run_interrupted: row(
    'An earlier run of the same command was cut off after it had begun to change something.',
    'host_operator',
  ),
  journal_required: row(
    'A change leaves only after its intent is in the journal, and the state directory cannot be used.',
    'host_operator',
  ),
  secret_file_exposed: row('A secret file can be read by others.', 'host_operator'),
  // Control plane API
  unauthorized: row('No valid API token was sent.', 'job_author'),
  forbidden: row('The API token does not have the role that this needs.', 'control_plane'),
  not_found: row('There is no such thing.', 'job_author'),
  idempotency_conflict: row('The Idempotency-Key was used with another body.', 'job_author'),
  request_invalid: row('The request does not match the API description.', 'job_author'),
  too_many_requests: row('Too many answers to this caller are still being sent.', 'job_author', true),
  internal: row('A fault in this program; its log has more.', 'control_plane', true),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorCodes;

/** An expected "no": a value, never an exception. `detail` says what was expected, what was found and what to do; it holds no secret. */
export interface Refusal {
  readonly kind: 'refused';
  readonly code: ErrorCode;
  readonly detail: string;
}

export function refuse(code: ErrorCode, detail: string): Refusal {
  return { kind: 'refused', code, detail };
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'refused';
}
