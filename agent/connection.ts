// A connection after the configuration was read: what calls to AWS need and what the host allows. Never sent upstream as a whole.

/** Where the connection's own AWS credentials come from. Paths are checked (owner only) when they are read. */
export type CredentialSource =
  | {
      readonly kind: 'files';
      readonly accessKeyFile: string;
      readonly secretKeyFile: string;
      readonly sessionTokenFile?: string;
    }
  | { readonly kind: 'default' }
  | { readonly kind: 'profile'; readonly profile: string }
  | { readonly kind: 'process'; readonly command: readonly string[] };

export interface ReferenceValue {
  readonly name: string;
  readonly value: string;
  readonly kind: 'text' | 'password';
}

export interface Limits {
  /** Calls a second at the start. */
  readonly callsPerSecond: number;
  /** Calls a second that the learned rate never passes. */
  readonly maxCallsPerSecond: number;
  /** Calls that may start at once after a pause. */
  readonly burst: number;
  /** Calls under way at once. */
  readonly inFlight: number;
}

export interface Connection {
  readonly label: string;
  readonly region: string;
  readonly verifySsl: boolean;
  readonly caFile?: string;
  readonly proxy?: string;
  readonly referenceValues: readonly ReferenceValue[];
  readonly credentials: CredentialSource;
  /** Role assumed for every call of this connection (already rendered). */
  readonly roleArn?: string;
  readonly roleExternalId?: string;
  readonly roleSessionName?: string;
  readonly allowedRoleArns: readonly string[];
  readonly allow: readonly string[];
  readonly endpoints: { readonly iam?: string; readonly sts?: string };
  readonly limits: Limits;
  /** Seconds for which a lost outcome is looked for. */
  readonly readBackSeconds: number;
  /** Makes the one credential inactive that a call with a lost answer must have made. */
  readonly deactivateOrphans: boolean;
  /** What jobs create gets a tag that names its call, where AWS takes one. */
  readonly markCreated: boolean;
}
