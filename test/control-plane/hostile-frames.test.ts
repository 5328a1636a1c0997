// Frames that no agent should send, in any order: the link may close, the process lives, nothing internal fails, and no state is invented.
import { assert, array, asyncProperty, constantFrom, integer, oneof, record, string } from 'fast-check';
import { expect } from 'chai';
import type { Identity } from '../support/agent-identity.ts';
import type { Peer } from '../support/agent-peer.ts';
import { Fixture } from '../support/control-plane-fixture.ts';

describe('control plane: hostile frames', () => {
  let fixture: Fixture;
  let identity: Identity;
  let counter = 0;
  beforeEach(async () => {
    fixture = await Fixture.start();
    identity = await fixture.pair();
    counter = 0;
  });
  afterEach(async () => {
    await fixture.close();
  });

  const dial = async (): Promise<Peer> => {
    const peer = await fixture.dial(identity, ++counter);
    await peer.hello();
    return peer;
  };

  it('survives them all', async function () {
    this.timeout(60_000);
    const { job: known } = await fixture.createJob(['{"a":1}', '{"a":2}']);
    let peer = await dial();
    peer.credit(1, 0);
    const token = await peer.job();
    token.accept();
    await fixture.until(known, 'running');

    const job = constantFrom(known, '01a20f3e-9c56-7000-89fc-357da4ee5573', 'x', '', null, 7);
    const digest = constantFrom(token.digest, token.headAt(0), 'a'.repeat(64), '', null);
    const number = constantFrom(-1, 0, 1, 2, 3, 1e15, 2 ** 53, 0.5, '1', null);
    const type = constantFrom(
      'hello',
      'job.accepted',
      'job.rejected',
      'job.quarantined',
      'rows.request',
      'results',
      'job.progress',
      'job.finished',
      'credit',
      'draining',
      'welcome',
      'toString',
    );
    const frame = record(
      {
        type,
        job,
        token_digest: digest,
        head: digest,
        after_loss: digest,
        first_sequence: number,
        chunk: number,
        jobs: number,
        chunks: number,
        rows_done: number,
        rows_failed: number,
        rows_waiting: number,
        statement: constantFrom('', 'a.b.c', token.token),
        reason: constantFrom('rows', 'x'),
        code: constantFrom('cancelled', 'x'),
        detail: string(),
      },
      { requiredKeys: ['type'] },
    )
      .filter((one) => one.type !== 'job.quarantined' || one.job !== known)
      // An empty frame that closes a gap is a right one, and moves the job on.
      .filter((one) => one.type !== 'results' || one.job !== known || one.after_loss !== one.head);
    const body = array(
      oneof(string(), constantFrom('{"row":0}', '{"row":0,"row_end":{"items":0,"outcome":"succeeded"}}')),
      { maxLength: 3 },
    );
    const property = asyncProperty(
      array(record({ frame, body, cut: integer({ min: 0, max: 30 }) }), { minLength: 1, maxLength: 8 }),
      async (frames) => {
        if (peer.socket.readyState !== 1) peer = await dial();
        for (const { frame: one, body: lines, cut } of frames) {
          const text = [JSON.stringify(one), ...lines].join('\n');
          peer.socket.send(cut < 3 ? text.slice(0, -cut - 1) : text);
        }
        await peer.roundTrip();
        expect(fixture.faults()).to.deep.equal([]);
      },
    );
    await assert(property, { numRuns: 300 });
    expect(await fixture.job(known)).to.deep.include({ status: 'running', last_sequence: 0 });
    peer = await dial();
    token.peer = peer;
    await token.complete();
    expect((await fixture.job(known)).status).to.equal('completed');
  });
});
