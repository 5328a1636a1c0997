// No caller opens result streams without end, and a stream that is over leaves nothing behind.
import { expect } from 'chai';
import { OpenStreams, streamLimits } from '../../../control-plane/api/open-streams.ts';
import { isRefusal } from '../../../protocol/error-codes.ts';
import { Fixture } from '../../support/control-plane-fixture.ts';

describe('control plane: places for open streams', () => {
  function place(streams: OpenStreams, token: string): () => void {
    const taken = streams.take(token);
    if (isRefusal(taken)) throw new Error(taken.detail);
    return taken;
  }

  it('are bound for each token and for all together', () => {
    const streams = new OpenStreams({ perToken: 2, total: 3 });
    const first = place(streams, 'a');
    place(streams, 'a');
    expect(streams.take('a')).to.include({ code: 'too_many_requests' });
    place(streams, 'b');
    expect(streams.take('c')).to.include({ code: 'too_many_requests' });
    // Given back twice is given back once.
    first();
    first();
    place(streams, 'c');
    expect(streams.take('a')).to.include({ code: 'too_many_requests' });
  });

  it('are not used up by refusals', () => {
    const streams = new OpenStreams({ perToken: 1, total: 1 });
    const only = place(streams, 'a');
    for (let tries = 0; tries < 10; tries += 1) streams.take('a');
    only();
    place(streams, 'b');
  });
});

describe('control plane: many result streams at once', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await Fixture.start({ keepAliveMs: 50 });
    await fixture.invite();
  });
  after(() => fixture.close());

  it('refuses one too many with 429, and takes others when some have gone', async () => {
    const { job } = await fixture.createJob();
    const gone = new AbortController();
    const open = (signal?: AbortSignal): Promise<Response> =>
      fetch(`${fixture.url}/api/v1/jobs/${job}/results?follow=true`, {
        headers: { authorization: `Bearer ${fixture.admin}` },
        ...(signal === undefined ? {} : { signal }),
      });
    const streams = await Promise.all(Array.from({ length: streamLimits.perToken }, () => open(gone.signal)));
    expect(streams.filter(({ status }) => status === 200)).to.have.length(streamLimits.perToken);
    const refused = await open();
    expect(refused.status).to.equal(429);
    expect(await refused.json()).to.have.nested.property('error.code', 'too_many_requests');
    // Another token is not affected.
    const { token } = await fixture.json<{ token: string }>('POST', '/api/v1/tokens', {
      name: 'other',
      role: 'viewer',
    });
    const other = await fetch(`${fixture.url}/api/v1/jobs/${job}/results`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(other.status).to.equal(200);
    await other.text();

    gone.abort();
    let status = 429;
    for (let tries = 0; status === 429 && tries < 200; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      const answer = await fixture.call('GET', `/api/v1/jobs/${job}/results`);
      await answer.text();
      ({ status } = answer);
    }
    expect(status).to.equal(200);
    // Streams that end by themselves give their place back too.
    for (let count = 0; count < streamLimits.perToken * 2; count += 1) {
      const answer = await fixture.call('GET', `/api/v1/jobs/${job}/results`);
      expect(answer.status).to.equal(200);
      await answer.text();
    }
  });
});
