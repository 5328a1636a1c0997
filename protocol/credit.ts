// Flow control of jobs and row chunks. Totals are cumulative since `welcome`, so a lost, doubled or late credit frame does no harm.

export interface Credit {
  readonly jobs: number;
  readonly chunks: number;
}

export const noCredit: Credit = { jobs: 0, chunks: 0 };

/** Totals never shrink, so the larger one is the newer one. */
export function onCredit(known: Credit, told: Credit): Credit {
  return { jobs: Math.max(known.jobs, told.jobs), chunks: Math.max(known.chunks, told.chunks) };
}

/** What may still be sent. */
export function remaining(granted: Credit, sent: Credit): Credit {
  return { jobs: granted.jobs - sent.jobs, chunks: granted.chunks - sent.chunks };
}

/**
 * The totals that an agent with this much room tells. A job is granted only with one chunk of room beside it, so that no accepted
 * job can starve for rows.
 */
export function grant(received: Credit, room: Credit): Credit {
  return { jobs: received.jobs + Math.min(room.jobs, room.chunks), chunks: received.chunks + room.chunks };
}
