// Local runs as a table for people.
import { plainTable } from '../../terminal/plain-table.ts';
import type { RunView } from '../local/wire.ts';

export function runsTable(runs: readonly RunView[]): string {
  const rows = runs.map((run) => [
    run.run,
    run.started_at,
    run.action,
    run.connection,
    run.end ?? 'under way',
    Object.entries(run.rows)
      .map(([outcome, count]) => `${count} ${outcome}`)
      .join(', '),
  ]);
  return plainTable(['run', 'started', 'action', 'connection', 'end', 'rows'], rows);
}
