// Stored result lines in sequence, a page at a time: memory is one page whatever the job's size, and a reader that stops reading stops the pages.
import { isOpen } from '../protocol/control-plane-job.ts';
import type { JobId } from '../protocol/ids.ts';
import type { JobWatch } from './job-watch.ts';
import { jobById, stateOf } from './store/jobs.ts';
import type { Store } from './store/store.ts';

const pageEntries = 32;

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
      // The state first: what was stored before the end is on a page read after it.
      const state = await jobById(store.db, job);
      const page = await readPage(store, job, after);
      for (const entry of page) {
        yield { kind: 'entry', ...entry };
        after = entry.sequence;
      }
      if (page.length === pageEntries) continue;
      if (!options.follow || state === null || !isOpen(stateOf(state))) return;
      const changed = page.length > 0 || (await listener.changed(options.keepAliveMs, options.signal));
      if (!changed && !options.signal.aborted) yield { kind: 'keep_alive' };
    }
  } finally {
    listener.close();
  }
}

async function readPage(store: Store, job: JobId, after: number): Promise<{ sequence: number; line: string }[]> {
  const sealed = await store.db
    .selectFrom('results')
    .select(['sequence', 'line'])
    .where('job', '=', job)
    .where('sequence', '>', after)
    .orderBy('sequence')
    .limit(pageEntries)
    .execute();
  return sealed.map(({ sequence, line }) => ({
    sequence,
    line: store.sealer.open(job, `result ${sequence}`, line),
  }));
}
