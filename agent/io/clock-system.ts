// The machine's own clock and randomness, behind the Clock port. The only file of the agent that reads them for deciding code.
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../job/clock.ts';

/** Longest single timer that Node keeps; above it a timer fires at once. */
const maxTimerMs = 2 ** 31 - 1;

async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  const options = signal === undefined ? {} : { signal };
  try {
    for (let left = ms; left > 0; left -= maxTimerMs) await delay(Math.min(left, maxTimerMs), undefined, options);
    signal?.throwIfAborted();
  } catch (error) {
    // The port promises the signal's own reason, Node wraps it in an AbortError.
    if (signal?.aborted === true) throw signal.reason;
    throw error;
  }
}

export function systemClock(): Clock {
  return { now: () => Date.now(), monotonicMs: () => performance.now(), sleep, random: () => Math.random() };
}
