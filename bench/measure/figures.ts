// The keys of the table: what each must reach, and which part of the bench measures it.

export type Part = 'rows' | 'throttled' | 'memory' | 'idle' | 'latency' | 'listing' | 'gateway' | 'nodes';

interface Target {
  readonly part: Part;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export const targets = {
  rows_vs_raw_sdk: { part: 'rows', atLeast: 2 },
  rows_vs_boto3: { part: 'rows', atLeast: 4 },
  cpu_per_row_vs_raw_sdk: { part: 'rows', atMost: 0.5 },
  throttled_vs_bucket: { part: 'throttled', atLeast: 0.97 },
  throttled_refused_share: { part: 'throttled', atMost: 0.05 },
  throttled_failed_rows: { part: 'throttled', atMost: 0 },
  rss_1m_vs_1k: { part: 'memory', atMost: 1.2 },
  /** The bound of 1.25 times the bare client's 58 MiB; `idle_rss_vs_bare_ws` is the one that holds everywhere. */
  idle_rss_mib: { part: 'idle', atMost: 72.5 },
  idle_rss_vs_bare_ws: { part: 'idle', atMost: 1.25 },
  idle_cpu_share: { part: 'idle', atMost: 0.001 },
  /** No bound of its own: a machine's start is what it is. */
  start_ms: { part: 'idle' },
  start_vs_bare_ws: { part: 'idle', atMost: 2 },
  latency_added_p50_ms: { part: 'latency', atMost: 3 },
  latency_added_p99_ms: { part: 'latency', atMost: 10 },
  list_first_envelope_page: { part: 'listing', atMost: 1 },
  list_100k_vs_raw: { part: 'listing', atLeast: 1.5 },
  gateway_kib_per_agent: { part: 'gateway', atMost: 12 },
  gateway_storm_s: { part: 'gateway', atMost: 30 },
  node_cpu_2_vs_1: { part: 'nodes', atMost: 1.2 },
} as const satisfies Record<string, Target>;

export type Key = keyof typeof targets;
export const keys = Object.keys(targets) as Key[];

/** What a part found: figures of its keys, null where there is none, and why. */
export interface Found {
  readonly figures: Partial<Record<Key, number | null>>;
  readonly notes?: readonly string[];
}

export interface Scale {
  /** Fewer rows, agents and rounds: to see that everything works, not to quote. */
  readonly quick: boolean;
  readonly say: (text: string) => void;
}

export type Measure = (scale: Scale) => Promise<Found>;

export function isMet(key: Key, value: number | null): boolean | null {
  const { atLeast, atMost }: Target = targets[key];
  if (value === null || (atLeast === undefined && atMost === undefined)) return null;
  return (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost);
}

export function targetText(key: Key): string {
  const { atLeast, atMost }: Target = targets[key];
  if (atLeast !== undefined) return `>= ${atLeast}`;
  return atMost === undefined ? '' : `<= ${atMost}`;
}
