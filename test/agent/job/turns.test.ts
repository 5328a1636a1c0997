import { expect } from 'chai';
import { Turns } from '../../../agent/job/turns.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('turns', () => {
  it('run the work of one key one at a time, in the order it came, also after a failure', async () => {
    const turns = new Turns();
    const [log, underWay]: [string[], Set<string>] = [[], new Set()];
    const work = (key: string, name: string, fails = false) =>
      turns.take(key, async () => {
        expect(underWay.has(key), name).to.equal(false);
        underWay.add(key);
        await turn();
        log.push(name);
        underWay.delete(key);
        if (fails) throw new Error(name);
        return name;
      });
    const all = [work('a', 'a1', true), work('a', 'a2'), work('b', 'b1'), work('a', 'a3'), work('b', 'b2')];
    const settled = await Promise.allSettled(all);
    expect(settled.map((one) => (one.status === 'fulfilled' ? one.value : 'failed'))).to.deep.equal([
      'failed',
      'a2',
      'b1',
      'a3',
      'b2',
    ]);
    expect(log.filter((name) => name.startsWith('a'))).to.deep.equal(['a1', 'a2', 'a3']);
    expect(log.indexOf('b1')).to.be.lessThan(log.indexOf('a2'));
  });

  it('give each key its own line: work of another key does not wait for one that never ends', async () => {
    const turns = new Turns();
    const ended: string[] = [];
    void turns.take('stuck', () => new Promise(() => undefined));
    void turns.take('stuck', () => Promise.resolve(ended.push('behind')));
    await turns.take('free', () => Promise.resolve(ended.push('free')));
    await turn();
    expect(ended).to.deep.equal(['free']);
  });
});

describe('a turn that is waited for', () => {
  it('is given up at once by the signal, and those behind it keep their order', async () => {
    const turns = new Turns();
    const stop = new AbortController();
    const never = new AbortController().signal;
    const ended: string[] = [];
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const first = turns.takeUnless(stop.signal, 'a', () => gate.then(() => ended.push('first')));
    const second = turns.takeUnless(stop.signal, 'a', () => Promise.resolve(ended.push('second')));
    const third = turns.takeUnless(never, 'a', () => Promise.resolve(ended.push('third')));
    await turn();
    stop.abort();
    expect(await second).to.equal(null);
    expect(ended).to.deep.equal([]);
    open();
    expect([await first, await third]).to.deep.equal([1, 2]);
    expect(ended).to.deep.equal(['first', 'third']);
    expect(await turns.takeUnless(stop.signal, 'a', () => Promise.resolve(1))).to.equal(null);
  });
});
