// A hello fits a frame whatever the host's configuration and its open jobs are, and both ends read the same offers out of either form.
import { expect } from 'chai';
import { actions } from '../../agent/iam/catalogue.ts';
import { sessionIntroduction } from '../../agent/introduction.ts';
import { nodeHashing } from '../../node/hashing.ts';
import { decodeFrameToControlPlane, encodeFrame } from '../../protocol/codec.ts';
import { type FrameToControlPlane, offeredConnections } from '../../protocol/frames-to-control-plane.ts';
import { limits } from '../../protocol/limits.ts';
import { jobIdOf } from '../contract/journal-samples.ts';
import { aConnection } from '../support/job-fixture.ts';

const all = actions.map(({ name }) => name);

/** What the control plane reads of a hello with this many connections; the largest number of jobs is open. */
function told(count: number, allowOf: (index: number) => readonly string[]) {
  const connections = Array.from({ length: count }, (_, index) => ({
    ...aConnection,
    label: `${'l'.repeat(60)}${index}`,
    allow: allowOf(index),
  }));
  const jobs = Array.from({ length: limits.jobsPerAgent }, (_, index) => ({
    job: jobIdOf(index),
    token_digest: nodeHashing.sha256(String(index)),
    next_chunk: 4_999,
    last_sequence: Number.MAX_SAFE_INTEGER,
  }));
  const session = { version: '1.0.0', counter: 7, hashing: nodeHashing };
  const frame: FrameToControlPlane = { ...sessionIntroduction(connections, session), key_set_version: 1, jobs };
  const text = encodeFrame(frame);
  const decoded = decodeFrameToControlPlane(text);
  if (decoded.kind !== 'frame' || decoded.frame.type !== 'hello') throw new Error('the hello was refused');
  expect(decoded.unknownFields).to.equal(0);
  return { bytes: Buffer.byteLength(text), hello: decoded.frame };
}

describe('hello', () => {
  it('names the actions of a few connections', () => {
    const { hello } = told(2, () => ['*']);
    expect(hello.actions).to.equal(undefined);
    expect(hello.connections.map((one) => one.actions)).to.deep.equal([all, all]);
    expect(offeredConnections(hello)).to.deep.equal(hello.connections);
  });

  it('stays well under the limit of a frame with as many connections and jobs as there can be', () => {
    // Each connection leaves out another action, so that no two lists are the same.
    const allowOf = (index: number): string[] => all.filter((_, at) => at !== index % all.length);
    const { bytes, hello } = told(200, allowOf);
    expect(bytes).to.be.lessThan(limits.frameBytes / 2);
    expect(offeredConnections(hello).map((one) => one.actions)).to.deep.equal(
      Array.from({ length: 200 }, (_, index) => allowOf(index)),
    );
  });

  it('an index that points at nothing offers nothing', () => {
    const { hello } = told(1, () => ['*']);
    const odd = {
      ...hello,
      connections: [{ label: 'a', region: 'b', actions: ['x'], allowed: [0, 7] }],
      actions: ['y'],
    };
    expect(offeredConnections(odd)).to.deep.equal([{ label: 'a', region: 'b', actions: ['x', 'y'] }]);
  });
});
