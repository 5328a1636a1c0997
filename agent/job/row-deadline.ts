// The deadline of one row (`row_deadline_seconds`), from its start: its waits end, and no further attempt or page begins. What is under way
// is waited for.
import type { Clock } from './clock.ts';
import type { Stop } from './stops.ts';

interface Bounded {
  readonly clock: Clock;
  readonly waits: AbortSignal;
  readonly stop: () => Stop | null;
}

/** Runs `work` with ports that stop at the deadline too; without one, with the ports as they are. */
export function withRowDeadline<P extends Bounded, T>(
  seconds: number | undefined,
  ports: P,
  work: (ports: P) => Promise<T>,
): Promise<T> {
  return seconds === undefined ? work(ports) : untilDeadline(seconds, ports, work);
}

async function untilDeadline<P extends Bounded, T>(
  seconds: number,
  ports: P,
  work: (ports: P) => Promise<T>,
): Promise<T> {
  const [deadline, done] = [new AbortController(), new AbortController()];
  const stopWaits = (): void => deadline.abort();
  ports.waits.addEventListener('abort', stopWaits, { once: true });
  if (ports.waits.aborted) stopWaits();
  let passed = false;
  const timer = sleepLong(ports.clock, seconds * 1000, done.signal).then(
    () => {
      passed = true;
      stopWaits();
    },
    () => undefined,
  );
  const stop = (): Stop | null => ports.stop() ?? (passed ? 'row_deadline' : null);
  try {
    return await work({ ...ports, waits: deadline.signal, stop });
  } finally {
    done.abort();
    await timer;
    ports.waits.removeEventListener('abort', stopWaits);
  }
}

/** Timers take at most 2^31 ms, which is less than the longest deadline. */
const longestSleepMs = 86_400_000;

async function sleepLong(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  const endMs = clock.monotonicMs() + ms;
  for (let left = ms; left > 0; left = endMs - clock.monotonicMs())
    await clock.sleep(Math.min(left, longestSleepMs), signal);
}
