// Log lines: one JSON object a line on standard error. The event table decides what may be printed; there is no way to log a free text.
import { stderr } from 'node:process';
import { createLogger, format, transports } from 'winston';
import { type EventSink, events, screen } from './events.ts';

export interface LogOptions {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  readonly stream?: NodeJS.WritableStream;
}

export function createLog(options: LogOptions): EventSink {
  const logger = createLogger({
    level: options.level,
    levels: { error: 0, warn: 1, info: 2, debug: 3 },
    format: format.printf((info) => String(info['line'])),
    transports: [new transports.Stream({ stream: options.stream ?? stderr })],
  });
  return (name, fields) => {
    const { level } = events[name];
    if (!logger.isLevelEnabled(level)) return;
    const line = JSON.stringify({ time: new Date().toISOString(), level, event: name, ...screen(name, fields) });
    logger.log({ level, message: name, line });
  };
}
