// The largest row that the intake takes reaches its agent, also as the first of a job.
import { expect } from 'chai';
import { limits } from '../../protocol/limits.ts';
import { Fixture } from '../support/control-plane-fixture.ts';

describe('a row of exactly the largest size', () => {
  let plane: Fixture;

  before(async () => {
    plane = await Fixture.start();
  });

  after(() => plane.close());

  for (const under of [1, 0]) {
    it(`is sent, ${under} bytes under the limit`, async () => {
      const identity = await plane.pair(`host-${under}`);
      const peer = await plane.dial(identity, 1);
      await peer.hello();
      peer.credit(1, 4);
      const row = JSON.stringify({ a: 'x'.repeat(limits.rowBytes - '{"a":""}'.length - under) });
      await plane.createJob([row, '{"b":1}'], { agent: `host-${under}` });
      const job = await peer.job();
      job.accept();
      const { frame, lines } = await peer.next('rows');
      expect(frame.chunk).to.equal(0);
      expect(lines[0]).to.equal(row);
    });
  }
});
