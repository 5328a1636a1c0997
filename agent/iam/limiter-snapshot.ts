// What the limiter of calls is doing at this moment, as plain data: for the daemon's status and for tests. It names no key and holds no secret.

interface BucketSnapshot {
  readonly service: 'iam' | 'sts';
  /** Labels of the connections whose calls it paces, in the order in which they first called. */
  readonly connections: readonly string[];
  /** The assumed role that AWS counts the calls of; null: the connection's own identity. */
  readonly roleArn: string | null;
  /** The present rate. */
  readonly callsPerSecond: number;
  /** Calls that could start at once. */
  readonly tokens: number;
  /** Answers by which AWS refused a call as too fast, since the bucket was made. */
  readonly throttles: number;
  /** Calls that wait for the rate. */
  readonly waiting: number;
}

interface QueueSnapshot {
  readonly connection: string;
  /** Calls under way, of `inFlight` at most. */
  readonly underWay: number;
  readonly inFlight: number;
  /** Calls that wait for a place. */
  readonly waiting: number;
}

export interface LimiterSnapshot {
  readonly buckets: readonly BucketSnapshot[];
  readonly queues: readonly QueueSnapshot[];
}

/** What the calls of one job wait for at this moment: how many of each. */
export interface CallWaits {
  /** On their way to AWS: they wait for nothing of ours. */
  readonly calling: number;
  readonly rateLimit: number;
  readonly queue: number;
  readonly retry: number;
  /** The lowest of the rates that its calls wait for; null when none does. */
  readonly callsPerSecond: number | null;
}
