import { expect } from 'chai';
import * as fc from 'fast-check';
import { Backoff, defaultBackoff } from '../../../agent/link/backoff.ts';

describe('backoff', () => {
  it('draws from a window that doubles up to its bound', () => {
    const backoff = new Backoff(() => 0.5, { firstWindowMs: 1_000, maxWindowMs: 60_000, healthyMs: 30_000 });
    const waits = Array.from({ length: 9 }, () => backoff.nextMs());
    expect(waits).to.deep.equal([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('starts again only after a link that stayed healthy', () => {
    const backoff = new Backoff(() => 1 - Number.EPSILON, defaultBackoff);
    for (let attempt = 0; attempt < 10; attempt += 1) backoff.nextMs();
    backoff.linkLived(defaultBackoff.healthyMs - 1);
    expect(backoff.nextMs()).to.be.closeTo(60_000, 1);
    backoff.linkLived(defaultBackoff.healthyMs);
    expect(backoff.nextMs()).to.be.closeTo(1_000, 1);
  });

  it('keeps a wait that the server asks for, and is slow where only an operator can help', () => {
    const backoff = new Backoff(() => 0, defaultBackoff);
    expect(backoff.nextMs(12_345)).to.equal(12_345);
    const slow = new Backoff(() => 0.9, defaultBackoff);
    slow.slowest();
    expect(slow.nextMs()).to.equal(54_000);
  });

  it('never waits longer than its bound nor shorter than asked, whatever happens', () => {
    const step = fc.oneof(
      fc.record({ asked: fc.option(fc.integer({ min: 0, max: 3_600_000 })) }),
      fc.record({ livedMs: fc.integer({ min: 0, max: 100_000 }) }),
    );
    fc.assert(
      fc.property(
        fc.array(step),
        fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1 }),
        (steps, draws) => {
          let draw = 0;
          const backoff = new Backoff(() => draws[draw++ % draws.length] ?? 0);
          for (const one of steps) {
            if ('livedMs' in one) backoff.linkLived(one.livedMs);
            else {
              const waitMs = backoff.nextMs(one.asked);
              expect(waitMs).to.be.within(one.asked ?? 0, Math.max(one.asked ?? 0, defaultBackoff.maxWindowMs));
            }
          }
        },
      ),
    );
  });
});
