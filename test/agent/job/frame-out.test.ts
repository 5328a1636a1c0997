import { expect } from 'chai';
import { nodeHashing } from '../../../node/hashing.ts';
import { type FrameOut, ResultsOut } from '../../../agent/job/frame-out.ts';
import type { FrameToControlPlane } from '../../../protocol/frames-to-control-plane.ts';
import { limits } from '../../../protocol/limits.ts';
import { claimsOfChunks, jobFixture } from '../../support/job-fixture.ts';
import { answerOf, ScriptedCaller } from '../../support/scripted-caller.ts';

class Wire implements FrameOut {
  open = true;
  readonly frames: (readonly [FrameToControlPlane, readonly string[]])[] = [];

  send(frame: FrameToControlPlane, lines: readonly string[] = []): void {
    this.frames.push([frame, lines]);
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  get results() {
    return this.frames.flatMap(([frame, lines]) => (frame.type === 'results' ? [{ ...frame, lines }] : []));
  }

  get finished(): number {
    return this.frames.filter(([frame]) => frame.type === 'job.finished').length;
  }
}

/** A finished job with `count` rows, each with an envelope of about `bytes`. */
async function jobWith(count: number, bytes = 20) {
  const fixture = jobFixture(new ScriptedCaller(() => answerOf('ListAccessKeys', '<IsTruncated>false</IsTruncated>')));
  const lines = Array.from({ length: count }, (_, index) => `{"user":"${index}"}`);
  const chunks: string[][] = [];
  for (let from = 0; from < count; from += limits.chunkRows) chunks.push(lines.slice(from, from + limits.chunkRows));
  const record = await fixture.accept(claimsOfChunks(chunks));
  for (const [chunk, part] of chunks.entries()) await fixture.jobs.rows(record, chunk, part);
  const fill = 'x'.repeat(bytes);
  for (let row = 0; row < count; row += 1) {
    await record.end([
      { row, lines: [`{"row":${row},"envelope":{"fill":"${fill}"}}`], items: 1, outcome: 'succeeded' },
    ]);
  }
  await record.finish();
  return { record };
}

describe('results on their way out', () => {
  it('go in frames of bounded size, without a gap, and the statement comes last', async () => {
    const { record } = await jobWith(120, 8_000);
    const wire = new Wire();
    await new ResultsOut(record, { from: 1, afterLoss: null }, wire).pump();
    let next = 1;
    for (const { first_sequence: first, lines } of wire.results) {
      expect(first).to.equal(next);
      next += lines.length;
      expect(lines.length).to.be.within(1, limits.resultsEntries);
      expect(lines.join('\n').length).to.be.at.most(limits.resultsBytes);
    }
    expect(next - 1).to.equal(record.state.produced);
    expect(wire.frames.at(-1)?.[0]).to.include({ type: 'job.finished', statement: record.statement });
    expect(wire.results.at(-1)?.head).to.equal(record.state.head);
  });

  it('stay within a window of what was acknowledged', async () => {
    const { record } = await jobWith(2_000);
    const wire = new Wire();
    const out = new ResultsOut(record, { from: 1, afterLoss: null }, wire);
    const sent = (): number => wire.results.reduce((sum, { lines }) => sum + lines.length, 0);
    await out.pump();
    expect(sent()).to.equal(2_500);
    expect(wire.finished).to.equal(0);
    out.acknowledged(300);
    await out.pump();
    expect(sent()).to.equal(2_800);
    out.acknowledged(2_800);
    await out.pump();
    expect(sent()).to.equal(4_000);
    expect(wire.finished).to.equal(1);
  });

  it('start where the control plane is, and repeat the statement only when asked', async () => {
    const { record } = await jobWith(5);
    const wire = new Wire();
    const out = new ResultsOut(record, { from: 7, afterLoss: null }, wire);
    await out.pump();
    await out.pump();
    expect(wire.results.map(({ first_sequence: first, lines }) => [first, lines.length])).to.deep.equal([[7, 4]]);
    expect(wire.finished).to.equal(1);
    out.repeatFinished();
    await out.pump();
    expect(wire.finished).to.equal(2);
  });

  it('name the head before a gap, once; an empty frame when nothing is left', async () => {
    const head = nodeHashing.sha256('before');
    const { record } = await jobWith(3);
    const some = new Wire();
    await new ResultsOut(record, { from: 3, afterLoss: head }, some).pump();
    expect(some.results[0]).to.include({ first_sequence: 3, after_loss: head });
    const none = new Wire();
    await new ResultsOut(record, { from: 7, afterLoss: record.state.head }, none).pump();
    expect(none.results).to.deep.equal([
      {
        type: 'results',
        job: record.id,
        first_sequence: 7,
        head: record.state.head,
        after_loss: record.state.head,
        lines: [],
      },
    ]);
    expect(none.finished).to.equal(1);
  });

  it('end with their link', async () => {
    const { record } = await jobWith(3);
    const wire = new Wire();
    wire.open = false;
    await new ResultsOut(record, { from: 1, afterLoss: null }, wire).pump();
    expect(wire.frames).to.deep.equal([]);
  });
});
