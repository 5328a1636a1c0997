import { expect } from 'chai';
import { ApiClient } from '../../../control-plane/cli/client.ts';
import { type FollowEvent, followResults } from '../../../control-plane/cli/follow-results.ts';
import { jobId, StubApi, view } from './stub-api.ts';

const results = `GET /jobs/${jobId}/results`;

describe('followResults', function () {
  this.timeout(20_000);
  let api: StubApi;
  let stop: AbortController;
  beforeEach(async () => {
    api = new StubApi();
    await api.start();
    stop = new AbortController();
  });
  afterEach(() => api.stop());

  async function follow(options: { readonly follow: boolean; readonly idleMs?: number }): Promise<FollowEvent[]> {
    const client = new ApiClient({ url: api.url, token: 'secret' }, stop.signal);
    const events: FollowEvent[] = [];
    const given = { after: 0, random: () => 0, signal: stop.signal, ...options };
    for await (const event of followResults(client, jobId, given)) events.push(event);
    return events;
  }
  const kinds = (events: readonly FollowEvent[]): string[] => events.map(({ kind }) => kind);

  it('takes a silent connection for dead, and keep-alive lines for life', async () => {
    let asked = 0;
    api.json(`GET /jobs/${jobId}`, 200, view({ last_sequence: 2 })).on(results, (_request, response) => {
      asked += 1;
      if (asked === 1) {
        response.write('{"a":1}\n');
        return;
      }
      let beats = 0;
      const timer = setInterval(() => {
        beats += 1;
        if (beats < 6) response.write('\n');
        else clearInterval(timer);
        if (beats === 6) response.end('{"a":2}\n');
      }, 50);
    });
    const events = await follow({ follow: true, idleMs: 150 });
    expect(kinds(events)).to.deep.equal(['line', 'broken', 'resumed', 'line', 'end']);
    expect(api.seen.map(({ url }) => url).filter((url) => url.includes('results'))).to.deep.equal([
      `/api/v1/jobs/${jobId}/results?after=0&follow=true`,
      `/api/v1/jobs/${jobId}/results?after=1&follow=true`,
    ]);
  });

  it('does not wait for ever for results that were lost', async () => {
    api.json(`GET /jobs/${jobId}`, 200, view({ last_sequence: 9, results_lost: 7 }));
    api.routes.set(results, (request, response) =>
      response.end((request.url ?? '').includes('after=0') ? '{"a":1}\n{"a":2}' : ''),
    );
    const events = await follow({ follow: true });
    expect(kinds(events).filter((kind) => kind === 'line')).to.have.length(2);
    expect(kinds(events).at(-1)).to.equal('end');
  });

  it('goes on when the control plane ends the stream of a job that is not over', async () => {
    let looks = 0;
    api.on(`GET /jobs/${jobId}`, (_request, response) => {
      looks += 1;
      response.end(JSON.stringify(view({ status: looks < 2 ? 'running' : 'completed', last_sequence: looks })));
    });
    api.on(results, (request, response) =>
      response.end((request.url ?? '').includes('after=0') ? '{"a":1}\n' : '{"a":2}\n'),
    );
    expect(kinds(await follow({ follow: true }))).to.deep.equal(['line', 'broken', 'resumed', 'line', 'end']);
  });

  it('ends at once when waiting cannot help', async () => {
    api.json(results, 403, { error: { code: 'forbidden', detail: 'no' } });
    expect(await follow({ follow: true })).to.deep.include.members([
      {
        kind: 'failure',
        exit: 'permission',
        code: 'forbidden',
        detail: 'no',
        help: 'use a token with a higher role (viewer, operator, admin)',
      },
    ]);
    await api.stop();
    expect(kinds(await follow({ follow: true }))).to.deep.equal(['failure']);
  });

  it('is not taken in by an answer of another server', async () => {
    api
      .on(results, (_request, response) => response.end(''))
      .on(`GET /jobs/${jobId}`, (_request, response) => response.end('<html>'));
    const [event] = await follow({ follow: false });
    expect(event).to.include({ kind: 'failure', code: 'internal' });
  });

  it('stops within its wait when it is aborted', async () => {
    api
      .json(`GET /jobs/${jobId}`, 200, view({ status: 'running' }))
      .on(results, (_request, response) => response.write('\n'));
    setTimeout(() => stop.abort(new Error('enough')), 100);
    const error: unknown = await follow({ follow: true }).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(Error);
  });
});
