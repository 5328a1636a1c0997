import { expect } from 'chai';
import { nodeHashing } from '../../node/hashing.ts';

describe('hashing', () => {
  it("gives SHA-256 of the text's UTF-8 bytes (FIPS 180-2 and RFC 4231 examples)", () => {
    expect(nodeHashing.sha256('abc')).to.equal('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(nodeHashing.sha256('ü')).to.equal('607474ca475a9724d7360aba71a56d5df77e61350e3f724cfa1f46e857e2d85f');
    expect(nodeHashing.hmacSha256('Jefe', 'what do ya want for nothing?')).to.equal(
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    );
  });
});
