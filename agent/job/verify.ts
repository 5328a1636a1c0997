// Step "verify": is this token a job for this agent, signed by a key it trusts, and new? The order of the checks is part of the protocol
// (docs/protocol.md), and the first that fails is the answer.
import { type AgentReply, onKnownToken } from '../../protocol/agent-job.ts';
import { type Refusal, isRefusal } from '../../protocol/error-codes.ts';
import type { Hashing } from '../../protocol/hashing.ts';
import type { AgentId, ControlPlaneId, Digest, JobId } from '../../protocol/ids.ts';
import type { JobClaims } from '../../protocol/job-claims.ts';
import { checkJobTime, tokenDigest, verifyJob } from '../../protocol/job-token.ts';
import type { PublicKey } from '../../protocol/jws.ts';
import { refuse } from '../../protocol/error-codes.ts';
import type { Verify } from '../../protocol/signatures.ts';
import type { StoredJob } from './journal.ts';

export interface Trust {
  readonly agent: AgentId;
  readonly controlPlane: ControlPlaneId;
  readonly keys: ReadonlyMap<string, PublicKey>;
  readonly verify?: Verify | undefined;
}

export type Verdict =
  | { readonly kind: 'new'; readonly digest: Digest; readonly claims: JobClaims; readonly kid: string }
  /** A known job: answered with its state as it stands, whatever the time is. */
  | {
      readonly kind: 'known';
      readonly digest: Digest;
      readonly job: StoredJob;
      readonly replies: readonly AgentReply[];
    }
  /** `claims` are there when the signature held: then the refusal is kept, so that no later duplicate runs. */
  | {
      readonly kind: 'rejected';
      readonly digest: Digest;
      readonly job: JobId | null;
      readonly verified: { readonly claims: JobClaims; readonly kid: string } | null;
      readonly refusal: Refusal;
    };

export async function verifyToken(
  token: string,
  ports: {
    readonly trust: Trust;
    readonly hashing: Hashing;
    readonly nowMs: number;
    readonly find: (job: JobId) => Promise<StoredJob | null>;
  },
): Promise<Verdict> {
  const digest = tokenDigest(ports.hashing, token);
  const verified = await verifyJob(token, ports.trust);
  if (isRefusal(verified)) return { kind: 'rejected', digest, job: null, verified: null, refusal: verified };
  const { claims, kid } = verified;
  const job = await ports.find(claims.jti);
  const known = onKnownToken(job?.state, digest);
  if (known === 'replayed') {
    const refusal = refuse('replayed', `the job id ${claims.jti} came before with another token; make a new id`);
    return { kind: 'rejected', digest, job: claims.jti, verified: null, refusal };
  }
  if (known !== null && job !== null) return { kind: 'known', digest, job, replies: known.replies };
  const refusal = checkJobTime(claims, ports.nowMs);
  if (refusal !== null) return { kind: 'rejected', digest, job: claims.jti, verified: { claims, kid }, refusal };
  return { kind: 'new', digest, claims, kid };
}
