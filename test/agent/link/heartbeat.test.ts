import { expect } from 'chai';
import { Heartbeat } from '../../../agent/link/heartbeat.ts';
import type { LinkSocket } from '../../../agent/link/transport.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

function beating(onPing: (heartbeat: Heartbeat, pings: number) => void = () => undefined) {
  const clock = new SimulatedClock();
  const over = new AbortController();
  let [pings, lost] = [0, 0];
  const socket: LinkSocket = {
    bufferedBytes: 0,
    send: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
    close: () => undefined,
    terminate: () => undefined,
    ping: () => onPing(heartbeat, (pings += 1)),
  };
  const heartbeat = new Heartbeat(socket, clock);
  const run = async (intervalMs: number): Promise<void> => {
    await clock.run(heartbeat.run(intervalMs, () => void (lost += 1), over.signal));
  };
  return { clock, over, heartbeat, run, seen: () => ({ pings, lost }) };
}

describe('the heartbeat', () => {
  it('gives a silent link up after two pings without an answer, once', async () => {
    const { run, clock, seen } = beating();
    await run(1_000);
    expect(seen()).to.deep.equal({ pings: 2, lost: 1 });
    expect(clock.monotonicMs()).to.equal(3_000);
  });

  it('counts misses in a row only', async () => {
    const { run, seen } = beating((heartbeat, pings) => pings % 2 === 0 && pings < 20 && heartbeat.heard());
    await run(1_000);
    expect(seen()).to.deep.equal({ pings: 20, lost: 1 });
  });

  it('ends with its link, without a word', async () => {
    const { run, over, seen } = beating((heartbeat, pings) => (pings === 5 ? over.abort() : heartbeat.heard()));
    await run(1_000);
    expect(seen()).to.deep.equal({ pings: 5, lost: 0 });
  });
});
