import { expect } from 'chai';
import { FairLine, type WaitingFor } from '../../../agent/iam/fair-line.ts';

interface Call extends WaitingFor {
  readonly name: string;
}

const call = (name: string, more: Partial<Call> = {}): Call => ({
  name,
  job: name.slice(0, 1),
  interactive: false,
  again: false,
  ...more,
});

function lineOf(...calls: readonly Call[]): FairLine<Call> {
  const line = new FairLine<Call>();
  for (const one of calls) line.add(one);
  return line;
}

function all(line: FairLine<Call>): string {
  const names: string[] = [];
  for (let next = line.next(); next !== undefined; next = line.next()) names.push(next.name);
  return names.join(' ');
}

describe('who is next', () => {
  it('takes the jobs by turns, and each in its own order', () => {
    const line = lineOf(call('a1'), call('a2'), call('a3'), call('a4'), call('b1'), call('c1'), call('b2'));
    expect(line.size).to.equal(7);
    expect(all(line)).to.equal('a1 b1 c1 a2 b2 a3 a4');
    expect(line.size).to.equal(0);
  });

  it('lets a job of one call wait for one round, however many calls the others have', () => {
    const line = new FairLine<Call>();
    for (let index = 0; index < 10_000; index += 1) line.add(call(`a${index}`));
    for (let index = 0; index < 10_000; index += 1) line.add(call(`b${index}`));
    line.add(call('c0'));
    expect([line.next()?.name, line.next()?.name, line.next()?.name]).to.deep.equal(['a0', 'b0', 'c0']);
  });

  it('puts a call that had its turn before the others of its job, not before those of another', () => {
    const line = lineOf(call('a1'), call('a2'), call('b1'));
    expect(line.next()?.name).to.equal('a1');
    line.add(call('a1', { again: true }));
    expect(all(line)).to.equal('b1 a1 a2');
  });

  it('takes what a person waits for first, and lets batches go on all the same', () => {
    const line = lineOf(...Array.from({ length: 10 }, (_none, index) => call(`a${index}`)));
    for (let index = 0; index < 10; index += 1) line.add(call(`i${index}`, { interactive: true, job: `i${index}` }));
    const order = all(line);
    expect(order.slice(0, 29)).to.equal('i0 i1 i2 i3 a0 i4 i5 i6 i7 a1');
  });

  it('counts urgent ones in a row only while a batch waits', () => {
    const urgent = (name: string): Call => call(name, { interactive: true });
    const line = lineOf(...['i1', 'i2', 'i3', 'i4', 'i5', 'i6'].map(urgent));
    for (let served = 0; served < 5; served += 1) line.next();
    line.add(call('a1'));
    expect(all(line)).to.equal('i6 a1');
  });

  it('forgets who no longer waits', () => {
    const [gone, stays, urgent] = [call('a1'), call('a2'), call('i1', { interactive: true })];
    const line = lineOf(gone, stays, urgent);
    line.remove(gone);
    line.remove(urgent);
    line.remove(gone);
    expect(line.size).to.equal(1);
    expect(all(line)).to.equal('a2');
  });
});
