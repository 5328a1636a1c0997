// Signals of calls under way: they follow their caller's and the owner's end, and nothing stays behind.
import { getEventListeners } from 'node:events';
import { expect } from 'chai';
import { CallSignals } from '../../../agent/io/call-signals.ts';

describe('signals of calls', () => {
  const never = (): Promise<void> => new Promise(() => undefined);
  const untilAborted = async (signal: AbortSignal): Promise<unknown> => {
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return signal.reason;
  };

  it('abort with their own caller and no other', async () => {
    const signals = new CallSignals();
    const [one, other] = [new AbortController(), new AbortController()];
    const seen: AbortSignal[] = [];
    void signals.run(other.signal, async (signal) => {
      seen.push(signal);
      await never();
    });
    const running = [1, 2].map(() => signals.run(one.signal, untilAborted));
    one.abort(new Error('stop'));
    for (const reason of await Promise.all(running)) expect(reason).to.have.property('message', 'stop');
    expect(seen[0]?.aborted).to.equal(false);
    expect(await signals.run(one.signal, untilAborted), 'one that was aborted before').to.have.property(
      'message',
      'stop',
    );
  });

  it('abort at the end of the owner, those that come later at once', async () => {
    const signals = new CallSignals();
    const running = signals.run(new AbortController().signal, untilAborted);
    signals.close(new Error('closing'));
    expect(await running).to.have.property('message', 'closing');
    expect(await signals.run(new AbortController().signal, untilAborted)).to.have.property('message', 'closing');
  });

  it('leave one listener for all calls of a caller, and none after the last', async () => {
    const signals = new CallSignals();
    const { signal } = new AbortController();
    const ends = [1, 2, 3].map(() => Promise.withResolvers<void>());
    const running = ends.map(({ promise }) => signals.run(signal, () => promise));
    expect(getEventListeners(signal, 'abort')).to.have.length(1);
    ends[0]?.resolve();
    ends[1]?.reject(new Error('failed'));
    await Promise.allSettled(running.slice(0, 2));
    expect(getEventListeners(signal, 'abort')).to.have.length(1);
    ends[2]?.resolve();
    await Promise.allSettled(running);
    expect(getEventListeners(signal, 'abort')).to.have.length(0);
    await signals.run(signal, async () => await Promise.resolve());
    expect(getEventListeners(signal, 'abort')).to.have.length(0);
  });
});
