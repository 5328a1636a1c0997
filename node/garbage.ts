// V8's garbage collector, which the launcher hands to the program (--expose-gc).

/** Collects all that can be had, also the room that new objects took, and gives it back to the system. Without --expose-gc it does nothing. */
export async function collectGarbage(): Promise<void> {
  await globalThis.gc?.({ type: 'major', execution: 'async', flavor: 'last-resort' });
}
