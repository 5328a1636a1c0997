// Stored result lines in sequence, a block (one frame of the agent) at a time: memory is one block whatever the job's size, and a reader that
// stops reading stops the blocks.
import { setImmediate as turn } from 'node:timers/promises';
import { isOpen } from '../protocol/control-plane-job.ts';
import type { JobId } from '../protocol/ids.ts';
import type { JobWatch } from './job-watch.ts';
import { jobById, stateOf } from './store/jobs.ts';
import type { Store } from './store/store.ts';

export interface ResultStreamOptions {
  readonly after: number;
  /** Go on until the job has ended. */
  readonly follow: boolean;
  readonly keepAliveMs: number;
  readonly signal: AbortSignal;
}

export type ResultItem =
  { readonly kind: 'entry'; readonly sequence: number; readonly line: string } | { readonly kind: 'keep_alive' };

export async function* streamResults(
  { store, watch }: { store: Store; watch: JobWatch },
  job: JobId,
  options: ResultStreamOptions,
): AsyncGenerator<ResultItem> {
  const listener = watch.listen(job);
  try {
    let { after } = options;
    while (!options.signal.aborted) {
      let found = false;
      for (let block = await nextBlock(store, job, after); block !== null; block = await nextBlock(store, job, after)) {
        found = true;
        for (const [index, line] of block.lines.entries()) {
          const sequence = block.first + index;
          if (sequence > after) yield { kind: 'entry', sequence, line };
        }
        after = block.first + block.lines.length - 1;
        if (options.signal.aborted) return;
      }
      if (!options.follow) return;
      if (found) {
        // What was found leaves before the next look at the store, which holds this thread.
        await turn();
        continue;
      }
      const state = await jobById(store.db, job);
      if (state === null || !isOpen(stateOf(state))) {
        // What was stored before the end, and after the look before it.
        if ((await nextBlock(store, job, after)) === null) return;
      } else if (!(await listener.changed(options.keepAliveMs, options.signal)) && !options.signal.aborted)
        yield { kind: 'keep_alive' };
    }
  } finally {
    listener.close();
  }
}

/** The first block with an entry after `after`; entries that were lost leave a gap before it. */
async function nextBlock(store: Store, job: JobId, after: number): Promise<{ first: number; lines: string[] } | null> {
  const found = await store.db
    .selectFrom('results')
    .select(['sequence', 'count', 'line'])
    .where('job', '=', job)
    .where('sequence', '>=', (query) =>
      query
        .selectFrom('results')
        .select((select) => select.fn.coalesce(select.fn.max('sequence'), select.lit(0)).as('sequence'))
        .where('job', '=', job)
        .where('sequence', '<=', after + 1),
    )
    .orderBy('sequence')
    .limit(2)
    .execute();
  const block = found.find(({ sequence, count }) => sequence + count - 1 > after);
  if (block === undefined) return null;
  const { sequence, line } = block;
  return { first: sequence, lines: store.sealer.open(job, `result ${sequence}`, line).split('\n') };
}
