// Operations of AWS that start something and answer before it is done, and those that read how far it is. What to ask, and what says that it
// is done. Only operations that are safe to repeat are here.
import type { Json } from '../../protocol/json.ts';
import type { JsonObject } from './decode.ts';

export type Progress = 'pending' | 'done' | { readonly failed: string };

export interface WaitRule {
  /** What tells how far it is; null: the operation itself, called again. */
  readonly poll: { readonly operation: string; readonly input: (started: JsonObject) => Record<string, Json> } | null;
  readonly progress: (answer: JsonObject) => Progress;
  /** An error of AWS that means "not yet". */
  readonly pendingError?: string;
}

const jobProgress = (answer: JsonObject): Progress => {
  const { JobStatus: status } = answer;
  if (status === 'IN_PROGRESS') return 'pending';
  if (status !== 'FAILED') return 'done';
  const { Error: reason, ErrorDetails: details } = answer;
  return { failed: messageOf(reason) ?? messageOf(details) ?? 'AWS gives no reason' };
};

function messageOf(value: Json | undefined): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const message: unknown = Reflect.get(value, 'Message');
  return typeof message === 'string' ? message : null;
}

const jobOf = (started: JsonObject): Record<string, Json> => ({ JobId: started['JobId'] ?? null });

/** A failed job is an answer like any other to who asks for it. */
const readJob: WaitRule = {
  poll: null,
  progress: (answer) => (jobProgress(answer) === 'pending' ? 'pending' : 'done'),
};

export const waits: ReadonlyMap<string, WaitRule> = new Map<string, WaitRule>([
  [
    'GenerateCredentialReport',
    { poll: null, progress: ({ State: state }) => (state === 'COMPLETE' ? 'done' : 'pending') },
  ],
  ['GetCredentialReport', { poll: null, progress: () => 'done', pendingError: 'ReportInProgress' }],
  [
    'GenerateServiceLastAccessedDetails',
    { poll: { operation: 'GetServiceLastAccessedDetails', input: jobOf }, progress: jobProgress },
  ],
  [
    'GenerateOrganizationsAccessReport',
    { poll: { operation: 'GetOrganizationsAccessReport', input: jobOf }, progress: jobProgress },
  ],
  ['GetServiceLastAccessedDetails', readJob],
  ['GetServiceLastAccessedDetailsWithEntities', readJob],
  ['GetOrganizationsAccessReport', readJob],
  [
    'GetServiceLinkedRoleDeletionStatus',
    {
      poll: null,
      progress: ({ Status: status }) => (status === 'SUCCEEDED' || status === 'FAILED' ? 'done' : 'pending'),
    },
  ],
]);
