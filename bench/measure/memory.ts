// Memory must not grow with the rows: the peak of an agent that ran one large job against one that ran a thousand rows, each process fresh.
import type { Found, Scale } from './figures.ts';
import { median, memoryKib } from './process-figures.ts';
import { rowsJob, Stand } from './stand.ts';

/** Beyond it the large job counts as not measured: the whole bench has a quarter of an hour. */
const largeTimeoutMs = 480_000;

export async function measureMemory({ quick, say }: Scale): Promise<Found> {
  const rows = quick ? 200_000 : 1_000_000;
  const stand = await Stand.open();
  try {
    const small: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      if (round > 0) await stand.restartAgent();
      await stand.stored(await stand.create(rowsJob, 1_000), 60_000);
      small.push(memoryKib(stand.agentPid, 'VmHWM'));
    }
    await stand.restartAgent();
    const before = memoryKib(stand.controlPlanePid, 'VmHWM');
    const started = performance.now();
    await stand.stored(await stand.create(rowsJob, rows), largeTimeoutMs);
    const seconds = (performance.now() - started) / 1_000;
    const large = memoryKib(stand.agentPid, 'VmHWM');
    const mib = (kib: number): number => Math.round(kib / 1_024);
    say(`${rows} rows in ${seconds.toFixed(0)} s; agent ${small.map(mib).join(', ')} MiB, then ${mib(large)} MiB`);
    say(`control plane ${mib(before)} MiB, then ${mib(memoryKib(stand.controlPlanePid, 'VmHWM'))} MiB`);
    return {
      figures: { rss_1m_vs_1k: large / median(small) },
      ...(quick ? { notes: [`rss_1m_vs_1k: measured with ${rows} rows in place of 1,000,000`] } : {}),
    };
  } finally {
    await stand.close();
  }
}
