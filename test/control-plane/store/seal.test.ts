// Sealed values open only where they were sealed, with the key they were sealed with.
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { Sealer } from '../../../control-plane/store/seal.ts';

describe('control plane: sealer', () => {
  const sealer = new Sealer(randomBytes(32));

  it('opens what it sealed, and seals the same text differently each time', () => {
    for (const text of ['', 'ä€😀', 'x'.repeat(100_000)]) {
      const first = sealer.seal('job', 'result 1', text);
      expect(sealer.open('job', 'result 1', first)).to.equal(text);
      expect(sealer.seal('job', 'result 1', text).equals(first)).to.equal(false);
    }
  });

  it('opens nothing that was moved, changed, cut or sealed with another key', () => {
    const sealed = sealer.seal('job', 'result 1', 'text');
    expect(() => sealer.open('other', 'result 1', sealed)).to.throw('result 1 does not open');
    expect(() => sealer.open('job', 'result 2', sealed)).to.throw();
    expect(() => new Sealer(randomBytes(32)).open('job', 'result 1', sealed)).to.throw();
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(index) ^ 1, index);
      expect(() => sealer.open('job', 'result 1', changed)).to.throw();
      expect(() => sealer.open('job', 'result 1', sealed.subarray(0, index))).to.throw();
    }
  });

  it('wants a key of 32 bytes', () => {
    expect(() => new Sealer(randomBytes(16))).to.throw(RangeError);
  });
});
