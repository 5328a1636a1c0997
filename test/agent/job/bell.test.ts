import { expect } from 'chai';
import { Bell } from '../../../agent/job/bell.ts';

async function hasRung(bell: Bell): Promise<boolean> {
  let rung = false;
  void bell.wait().then(() => (rung = true));
  await new Promise((resolve) => setImmediate(resolve));
  return rung;
}

describe('a bell', () => {
  it('keeps a ring that nobody waits for, once', async () => {
    const bell = new Bell();
    bell.ring();
    bell.ring();
    expect(await hasRung(bell)).to.equal(true);
    expect(await hasRung(bell)).to.equal(false);
  });

  it('wakes the one who waits, and loses no ring that comes while it looks', async () => {
    const bell = new Bell();
    let looked = 0;
    const loop = (async () => {
      for (; looked < 100; looked += 1) await bell.wait();
    })();
    for (let ring = 0; ring < 100; ring += 1) {
      bell.ring();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await loop;
    expect(looked).to.equal(100);
  });
});
