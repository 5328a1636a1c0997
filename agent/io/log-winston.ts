// Log lines of the daemon: one JSON object a line for journald, or a line for people on a terminal. What may be printed is decided by the
// event table, not here: this file never sees a field that the table does not name, and there is no way to log a free text.
import { stdout } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger, format, transports } from 'winston';
import { type EventLevel, eventLevels, type EventSink, levelOf, screenEvent } from '../events.ts';

/** How long the end of the daemon waits for whoever reads its output. */
const stalledReaderMs = 2_000;

export interface LogOptions {
  readonly level: EventLevel;
  /** `auto`: human on a terminal, else JSON. */
  readonly format: 'json' | 'human' | 'auto';
  /** Default: standard output. It is not closed with the log. */
  readonly stream?: NodeJS.WritableStream;
}

export type Log = EventSink & {
  /** Resolves when every line has left, or when nobody has read the stream for a while. */
  close(): Promise<void>;
};

export function createLog(options: LogOptions): Log {
  const stream = options.stream ?? stdout;
  const human = options.format === 'human' || (options.format === 'auto' && 'isTTY' in stream && stream.isTTY);
  const transport = new transports.Stream({ stream });
  const logger = createLogger({
    level: options.level,
    levels: Object.fromEntries(eventLevels.map((name, index) => [name, index])),
    format: format.printf((info) => String(info['line'])),
    transports: [transport],
  });
  const print = human ? humanLine : jsonLine;
  const printed = new Set(eventLevels.slice(0, eventLevels.indexOf(options.level) + 1));
  const emit = (name: string, fields: unknown): void => {
    // Looked at first: rows end by the million, and at `info` nobody hears of each.
    const level = levelOf(name);
    if (level === null || !printed.has(level)) return;
    const event = screenEvent(name, fields);
    if (event === null) return;
    // A dropped field is a fault of the caller: it shows as a number, so that tests and operators see it, without its content.
    const shown = event.dropped === 0 ? event.fields : { ...event.fields, droppedFields: event.dropped };
    logger.log({ level: event.level, message: name, line: print(new Date().toISOString(), event.level, name, shown) });
  };
  return Object.assign(emit, {
    async close(): Promise<void> {
      const finished = new Promise<void>((resolve) => transport.once('finish', () => resolve()));
      logger.end();
      await finished;
      // The stream is somebody else's and stays open; its buffer is waited for, so that an exit right after loses no line.
      const reached = new Promise<void>((resolve) => stream.write('', () => resolve()));
      const waited = new AbortController();
      await Promise.race([reached, delay(stalledReaderMs, undefined, { signal: waited.signal }).catch(() => {})]);
      waited.abort();
    },
  });
}

type Shown = Readonly<Record<string, unknown>>;

function jsonLine(time: string, level: EventLevel, event: string, fields: Shown): string {
  return JSON.stringify({ time, level, event, ...fields });
}

function humanLine(time: string, level: EventLevel, event: string, fields: Shown): string {
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return [time, level.toUpperCase().padEnd(5), event, ...pairs].join(' ');
}
