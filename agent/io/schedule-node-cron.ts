// Housekeeping on a cron schedule. A run that fails is reported and the next one still comes; a run never starts while the last one goes on.
import { createTask, validateDetailed } from 'node-cron';

export interface Schedule {
  /** No run starts afterwards. Resolves when a run under way has ended. */
  stop(): Promise<void>;
}

export interface ScheduleOptions {
  readonly name: string;
  readonly timeZone?: string;
  readonly onError: (name: string, error: unknown) => void;
  /** A run was due while the last one still went on. */
  readonly onOverlap?: (name: string) => void;
}

/**
 * Runs `task` at the times of a cron expression (5 fields, or 6 with seconds). Its signal aborts when the schedule is stopped.
 * @throws TypeError when the expression is not valid: expressions that come from outside are checked with `scheduleFault` first.
 */
export function schedule(
  expression: string,
  task: (signal: AbortSignal) => Promise<void> | void,
  options: ScheduleOptions,
): Schedule {
  const fault = scheduleFault(expression);
  if (fault !== null) throw new TypeError(`${options.name}: ${fault}`);
  const stopping = new AbortController();
  let running: Promise<void> | null = null;
  const run = async (): Promise<void> => {
    try {
      await task(stopping.signal);
    } catch (error) {
      if (!stopping.signal.aborted) options.onError(options.name, error);
    }
  };
  const due = (): void => {
    if (stopping.signal.aborted) return;
    if (running !== null) return options.onOverlap?.(options.name);
    // Not within run(): a task that ends at once would be forgotten before it is remembered.
    running = run().finally(() => {
      running = null;
    });
  };
  const cron = createTask(expression, due, {
    name: options.name,
    // A closed laptop or a blocked loop is no fault of ours to print.
    suppressMissedWarning: true,
    logger: silent,
    ...(options.timeZone === undefined ? {} : { timezone: options.timeZone }),
  });
  void cron.start();
  return {
    async stop() {
      stopping.abort(new Error('stopped'));
      await cron.destroy();
      await running;
    },
  };
}

/** What is wrong with a cron expression, or null. */
export function scheduleFault(expression: string): string | null {
  const { valid, errors } = validateDetailed(expression);
  if (valid) return null;
  const [first] = errors;
  return first === undefined ? 'not a cron expression' : `${first.field}: ${first.message}`;
}

const ignore = (): void => {};
const silent = { info: ignore, warn: ignore, error: ignore, debug: ignore };
