// Which session of an agent counts: the one with the largest counter. Replay protection and fence in one number.

/** The stored counter after a session presented `counter`, or null: a cloned or rolled-back identity, nothing is dispatched to it. */
export function admitSession(stored: number, counter: number): number | null {
  return counter > stored ? counter : null;
}

/** Does this session still speak for the agent? Checked in the same transaction as every write that a frame causes. */
export function speaks(stored: number, counter: number): boolean {
  return counter === stored;
}
