// What the checker looks at: what an operator asked for, what AWS carried out, and what the control plane holds. Nothing of the agent.

/** One row of a job, as it was asked. */
export interface AskedRow {
  /** Names the row in everything that AWS does for it. */
  readonly marker: string;
  /** What a read must give, item by item and in this order; null for a change. */
  readonly items: readonly string[] | null;
  /** AWS knows no such user: no change can be carried out. */
  readonly absent: boolean;
}

export interface AskedJob {
  readonly id: string;
  readonly agent: string;
  readonly action: string;
  /** The operation that changes something for each row; null when the job only reads. */
  readonly changes: string | null;
  /** The member of a read's items that `items` names. */
  readonly itemName: string | null;
  readonly rows: readonly AskedRow[];
  /** The host does not allow it. */
  readonly refused: boolean;
  /** How it may end. */
  readonly statuses: readonly string[];
}

/** A change that AWS carried out. */
export interface Effect {
  readonly n: number;
  readonly at: string;
  readonly operation: string;
  readonly marker: string;
  /** What was made, for example the new key's id. */
  readonly made: string | null;
  /** Whether AWS wrote its whole answer; false when the connection ended before, or AWS never answered. */
  readonly answered: boolean;
}

export interface StoredEntry {
  readonly sequence: number;
  readonly line: string;
}

/** A job as the control plane holds it. */
export interface StoredJob {
  readonly id: string;
  /** The id inside the signed token: it starts the chain. */
  readonly wireId: string;
  readonly status: string;
  readonly tokenDigest: string | null;
  readonly lastSequence: number;
  readonly head: string;
  readonly resultsLost: number;
  /** The agent's signed last word; null when the job ended before it was signed. */
  readonly statement: string | null;
  readonly entries: readonly StoredEntry[];
}

export interface Parties {
  readonly agent: string;
  /** The agent's public key as the control plane stored it at pairing (JWK). */
  readonly agentKey: { readonly kty: string; readonly crv: string; readonly x: string };
  readonly controlPlane: string;
}

export interface Evidence {
  readonly parties: Parties;
  readonly asked: readonly AskedJob[];
  readonly effects: readonly Effect[];
  readonly stored: readonly StoredJob[];
}

export interface Violation {
  readonly rule: string;
  readonly job: string | null;
  readonly row: number | null;
  readonly detail: string;
}

export interface Findings {
  readonly jobs: number;
  readonly rows: number;
  readonly entries: number;
  readonly effects: number;
  /** Of them, those whose answer was cut. */
  readonly cut: number;
  /** Rows by outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
}
