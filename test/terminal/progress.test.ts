import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { progressReporter } from '../../terminal/progress.ts';

function output(tty: boolean): PassThrough & { readonly isTTY: boolean; readonly columns: number } {
  return Object.assign(new PassThrough(), { isTTY: tty, columns: 80 });
}

const all = (out: PassThrough): string => String(out.read() ?? '');
const state = { total: 100, ended: 0, failed: 0, waitingReason: null };

describe('progressReporter', () => {
  it('draws a bar with rate and time left on a terminal, and takes it away', () => {
    let now = 0;
    const out = output(true);
    const progress = progressReporter({ out, nowMs: () => now });
    progress.update(state);
    now = 2_000;
    progress.update({ ...state, ended: 40, failed: 3 });
    const last = all(out).replaceAll('\u001B', '~').split('\r').at(-1) ?? '';
    expect(last).to.match(/^~\[2K\[#+\.+\] 40\/100 rows, 3 failed, 20\.0\/s, 3\.0 s left$/);
    expect(last.length - 4).to.be.lessThan(80);
    progress.hide();
    expect(all(out)).to.equal('\r\u001B[2K');
    progress.hide();
    expect(all(out)).to.equal('');
  });

  it('is redrawn ten times a second at most', () => {
    let now = 0;
    const out = output(true);
    const progress = progressReporter({ out, nowMs: () => now });
    for (; now < 1_000; now += 1) progress.update({ ...state, ended: now / 10 });
    expect(all(out).split('\r')).to.have.length(11);
  });

  it('never wraps and shows a hostile reason harmlessly', () => {
    const out = output(true);
    progressReporter({ out, nowMs: () => 0 }).update({ ...state, waitingReason: `\u001B[2J${'x'.repeat(300)}` });
    const drawn = all(out).replace('\r\u001B[2K', '');
    expect(drawn).to.not.contain('\u001B');
    expect(drawn).to.match(/waiting: \\e\[2Jx+…$/);
    expect(drawn.length).to.be.lessThanOrEqual(79);
  });

  it('prints a plain line now and then elsewhere, and nothing twice', () => {
    let now = 0;
    const out = output(false);
    const progress = progressReporter({ out, nowMs: () => now });
    for (; now <= 60_000; now += 500)
      progress.update({ ...state, total: null, ended: now < 30_000 ? now / 1_000 : 30 });
    const lines = all(out).trimEnd().split('\n');
    expect(lines[0]).to.match(/^progress: 10 rows, 1\.0\/s$/);
    expect(lines.length).to.be.within(3, 6);
    expect(new Set(lines).size).to.equal(lines.length);
    progress.hide();
    expect(all(out)).to.equal('');
  });

  it('is silent when quiet', () => {
    const out = output(true);
    const progress = progressReporter({ out, quiet: true, nowMs: () => 0 });
    progress.update(state);
    progress.hide();
    expect(all(out)).to.equal('');
  });
});
