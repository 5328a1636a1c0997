// Whom this agent believes: the key set pinned at pairing, and the steps after it, each durable before it counts.
import { type Refusal, isRefusal } from '../../protocol/error-codes.ts';
import type { AgentId, ControlPlaneId } from '../../protocol/ids.ts';
import { activeKeys, applyKeySetStep, type KeySet } from '../../protocol/key-set.ts';
import type { Verify } from '../../protocol/signatures.ts';
import type { Journal } from './journal.ts';
import type { Trust } from './verify.ts';

export class TrustStore {
  readonly #agent: AgentId;
  readonly #controlPlane: ControlPlaneId;
  readonly #journal: Journal;
  readonly #verify: Verify | undefined;
  #keySet: KeySet;

  constructor(
    pinned: { agent: AgentId; controlPlane: ControlPlaneId; keySet: KeySet },
    journal: Journal,
    verify?: Verify,
  ) {
    this.#agent = pinned.agent;
    this.#controlPlane = pinned.controlPlane;
    this.#keySet = pinned.keySet;
    this.#journal = journal;
    this.#verify = verify;
  }

  get keySet(): KeySet {
    return this.#keySet;
  }

  now(): Trust {
    return {
      agent: this.#agent,
      controlPlane: this.#controlPlane,
      keys: activeKeys(this.#keySet),
      verify: this.#verify,
    };
  }

  /** The set after the step, and the keys that it newly revokes. */
  async apply(step: string): Promise<{ keySet: KeySet; revoked: readonly string[] } | Refusal> {
    const before = this.#keySet;
    const next = await applyKeySetStep(before, step, this.#controlPlane);
    if (isRefusal(next)) return next;
    await this.#journal.commit([{ kind: 'key_set', keySet: next }]);
    this.#keySet = next;
    const known = new Set(before.keys.filter(({ status }) => status === 'revoked').map(({ kid }) => kid));
    const revoked = next.keys
      .filter(({ kid, status }) => status === 'revoked' && !known.has(kid))
      .map(({ kid }) => kid);
    return { keySet: next, revoked };
  }
}
