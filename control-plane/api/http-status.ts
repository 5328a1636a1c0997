// The HTTP status that goes with each coded refusal of the REST API.
import type { ErrorCode } from '../../protocol/error-codes.ts';

const statuses: Partial<Record<ErrorCode, number>> = {
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  idempotency_conflict: 409,
  agent_revoked: 409,
  pairing_code_invalid: 403,
  pairing_code_used: 409,
  row_too_large: 413,
  too_many_requests: 429,
  internal: 500,
};

export function httpStatus(code: ErrorCode): number {
  return statuses[code] ?? 400;
}
