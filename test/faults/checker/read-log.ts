// Reads the endpoint's append-only log: a line for each change that was carried out, and one for the end of its answer.
import { existsSync, readFileSync } from 'node:fs';
import type { Effect } from './evidence.ts';

export type LogLine =
  | ({ readonly kind: 'effect' } & Omit<Effect, 'answered'>)
  | { readonly kind: 'answer'; readonly n: number; readonly whole: boolean };

export function readEffects(logFile: string): readonly Effect[] {
  if (!existsSync(logFile)) return [];
  const lines = readFileSync(logFile, 'utf8').split('\n').filter(Boolean);
  const log = lines.map((line) => JSON.parse(line) as LogLine);
  const answered = new Set(log.flatMap((line) => (line.kind === 'answer' && line.whole ? [line.n] : [])));
  return log.flatMap((line) => {
    if (line.kind === 'answer') return [];
    const { kind: _kind, ...effect } = line;
    return [{ ...effect, answered: answered.has(line.n) }];
  });
}
