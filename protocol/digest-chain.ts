// The hash chain over a job's entries: head(n) = SHA-256(head(n-1) "\n" line(n)). Two ends that hold the same head hold the same entries.
import type { Hashing } from './hashing.ts';
import type { Digest, JobId } from './ids.ts';

/** The head before the first entry; it names the job, so one job's chain is never taken for another's. */
export function chainStart(hashing: Hashing, job: JobId): Digest {
  return hashing.sha256(`iam-agent.v1 results ${job}`);
}

export function chainNext(hashing: Hashing, head: Digest, line: string): Digest {
  return hashing.sha256(`${head}\n${line}`);
}

export function chainAll(hashing: Hashing, head: Digest, lines: readonly string[]): Digest {
  return lines.reduce<Digest>((current, line) => chainNext(hashing, current, line), head);
}

/** Digest of one row chunk: its lines joined by line feeds, exactly as they travel. */
export function chunkDigest(hashing: Hashing, lines: readonly string[]): Digest {
  return hashing.sha256(lines.join('\n'));
}
