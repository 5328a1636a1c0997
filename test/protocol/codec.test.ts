// The codec gives back what was encoded, keeps body lines as they are, counts what it does not know, and never throws.
import { expect } from 'chai';
import * as fc from 'fast-check';
import { decodeFrameToAgent, decodeFrameToControlPlane, encodeFrame } from '../../protocol/codec.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import type { FrameToAgent } from '../../protocol/frames-to-agent.ts';
import type { FrameToControlPlane } from '../../protocol/frames-to-control-plane.ts';
import { digestSchema, jobIdSchema } from '../../protocol/ids.ts';
import { job, someDigest } from './corpus/signing.ts';

const digest = fc.stringMatching(/^[0-9a-f]{64}$/).map((text) => digestSchema.parse(text));
const jobId = fc.uuid({ version: 7 }).map((text) => jobIdSchema.parse(text));
const count = fc.nat();
/** Body lines: anything without a line feed, not empty. JSON or not is the reader's business. */
const lines = fc.array(
  fc.string({ minLength: 1, unit: 'grapheme' }).map((text) => text.replaceAll('\n', ' ')),
  { maxLength: 20 },
);

const toAgent: fc.Arbitrary<FrameToAgent> = fc.oneof(
  fc.record({ type: fc.constant('rows' as const), job: jobId, chunk: count }),
  fc.record({ type: fc.constant('results.ack' as const), job: jobId, sequence: count, head: digest }),
  fc.record({ type: fc.constant('job.finished.ack' as const), job: jobId, head: digest }),
  fc.record({ type: fc.constant('cancel' as const), job: jobId }),
  fc.record({ type: fc.constant('job' as const), token: fc.string() }),
  fc.record({ type: fc.constant('keys' as const), step: fc.string() }),
  fc.record({ type: fc.constant('reconnect' as const), within_ms: fc.nat({ max: 3_600_000 }) }),
);
const toControlPlane: fc.Arbitrary<FrameToControlPlane> = fc.oneof(
  fc.record({ type: fc.constant('job.accepted' as const), job: jobId, token_digest: digest }),
  fc.record({
    type: fc.constant('job.rejected' as const),
    job: fc.option(jobId),
    token_digest: digest,
    code: fc.constant('replayed' as const),
    detail: fc.string({ maxLength: 2_000, unit: 'grapheme-ascii' }),
  }),
  fc.record(
    {
      type: fc.constant('results' as const),
      job: jobId,
      first_sequence: fc.integer({ min: 1 }),
      head: digest,
      after_loss: digest,
    },
    { requiredKeys: ['type', 'job', 'first_sequence', 'head'] },
  ),
  fc.record({ type: fc.constant('credit' as const), jobs: count, chunks: count }),
  fc.record({ type: fc.constant('rows.request' as const), job: jobId, chunk: count }),
);

describe('codec', () => {
  it('gives back every frame and its lines, in both directions', () => {
    fc.assert(
      fc.property(toAgent, lines, (frame, body) => {
        const sent = frame.type === 'rows' ? body : [];
        expect(decodeFrameToAgent(encodeFrame(frame, sent))).to.deep.equal({
          kind: 'frame',
          frame,
          lines: sent,
          unknownFields: 0,
        });
      }),
    );
    fc.assert(
      fc.property(toControlPlane, lines, (frame, body) => {
        const sent = frame.type === 'results' ? body : [];
        expect(decodeFrameToControlPlane(encodeFrame(frame, sent))).to.deep.equal({
          kind: 'frame',
          frame,
          lines: sent,
          unknownFields: 0,
        });
      }),
    );
  });

  it('answers any text, and near misses of frames, with a value', () => {
    const broken = fc
      .tuple(toAgent, fc.nat({ max: 300 }), fc.string({ maxLength: 3, unit: 'binary' }))
      .map(([frame, at, noise]) => {
        const text = encodeFrame(frame);
        return text.slice(0, at) + noise + text.slice(at + 1);
      });
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json(), broken), (text) => {
        for (const decode of [decodeFrameToAgent, decodeFrameToControlPlane])
          expect(decode(text).kind).to.be.oneOf(['frame', 'unknown_type', 'refused']);
      }),
      { numRuns: 2_000 },
    );
  });

  it('ignores and counts unknown fields, at any depth', () => {
    const view = { job, last_sequence: 0, head: someDigest, cancel: false };
    const welcome = { type: 'welcome', protocol: 1, server_time: '2026-01-01T00:00:00Z', heartbeat_ms: 1_000 };
    const sent = {
      ...welcome,
      key_set_steps: [],
      jobs: [view, { ...view, colour: 'red', shape: {} }],
      motto: { a: 1 },
    };
    const decoded = decodeFrameToAgent(JSON.stringify(sent));
    expect(decoded).to.deep.include({ kind: 'frame', unknownFields: 3 });
    expect(decoded.kind === 'frame' && decoded.frame).to.deep.equal({
      ...welcome,
      key_set_steps: [],
      jobs: [view, view],
    });
  });

  it('names an unknown type, cut', () => {
    expect(decodeFrameToAgent('{"type":"later.version","x":1}')).to.deep.equal({
      kind: 'unknown_type',
      type: 'later.version',
    });
    const long = decodeFrameToAgent(JSON.stringify({ type: 'y'.repeat(1_000) }));
    expect(long.kind === 'unknown_type' && long.type.length).to.equal(64);
  });

  it('says which field is wrong', () => {
    const refused = decodeFrameToAgent(JSON.stringify({ type: 'cancel', job: 'x' }));
    expect(isRefusal(refused) && refused.detail).to.include('cancel: field job');
  });
});
