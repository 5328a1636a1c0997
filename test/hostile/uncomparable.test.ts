// An object in the place of a text whose member `length` cannot be compared: whoever asks a schema about it gets a refusal, never an exception.
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { decodeFrameToAgent, decodeFrameToControlPlane } from '../../protocol/codec.ts';
import { framesToAgent } from '../../protocol/frames-to-agent.ts';
import { framesToControlPlane } from '../../protocol/frames-to-control-plane.ts';
import { Fixture } from '../support/control-plane-fixture.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const uncomparable = { length: { valueOf: 0, toString: 0 } };

describe('a value that cannot be compared', () => {
  for (const [schemas, decode] of [
    [framesToAgent, decodeFrameToAgent],
    [framesToControlPlane, decodeFrameToControlPlane],
  ] as const)
    it(`is refused in every member of every frame by ${decode.name}`, () => {
      let tried = 0;
      for (const [type, schema] of Object.entries(schemas)) {
        const members = Object.keys(schema.shape).filter((name) => name !== 'type');
        for (const value of [uncomparable, [uncomparable], { a: uncomparable }]) {
          const frame = { ...Object.fromEntries(members.map((name) => [name, value])), type };
          const decoded = decode(JSON.stringify(frame));
          if (members.length > 0) expect(decoded, type).to.include({ kind: 'refused', code: 'frame_malformed' });
          tried += 1;
        }
      }
      expect(tried).to.be.above(15);
    });

  it('costs an agent its link and the control plane nothing', async () => {
    const fixture = await Fixture.start();
    try {
      const identity = await fixture.pair();
      const peer = await fixture.dial(identity, 1);
      for (let frame = 0; frame < 2; frame += 1)
        peer.socket.send(JSON.stringify({ type: 'job.finished', job: uncomparable, statement: uncomparable }));
      await peer.closed;
      const made = await fixture.call('POST', '/api/v1/agents', { name: uncomparable });
      expect(made.status).to.equal(400);
      expect(fixture.faults()).to.deep.equal([]);
      expect((await fixture.call('GET', '/healthz')).status).to.equal(200);
    } finally {
      await fixture.close();
    }
  });

  it('is met nowhere but where it is caught', () => {
    const files = execFileSync('git', ['ls-files', 'agent', 'control-plane', 'protocol', 'terminal'], { cwd: root });
    const asking = files
      .toString()
      .split('\n')
      .filter((name) => name.endsWith('.ts') && readFileSync(`${root}/${name}`, 'utf8').includes('.safeParse('));
    expect(asking).to.deep.equal(['protocol/safe-parse.ts']);
  });
});
