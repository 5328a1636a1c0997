// What `status` reads off the events.
import { expect } from 'chai';
import { Watch } from '../../../agent/local/watch.ts';

describe('watch', () => {
  it('follows the link', () => {
    let nowMs = 1_000_000;
    const passed: string[] = [];
    const watch = new Watch(
      (name) => void passed.push(name),
      () => nowMs,
    );
    const at = (ms: number): string => new Date(ms).toISOString();
    expect(watch.link()).to.deep.equal({
      state: 'connecting',
      since: at(nowMs),
      session: null,
      next_dial_at: null,
      last_error: null,
    });
    watch.sink('link.dialling', { attempt: 1, delayMs: 500 });
    expect(watch.link()).to.include({ state: 'waiting', next_dial_at: at(1_000_500) });
    nowMs += 600;
    expect(watch.link()).to.include({ state: 'connecting', next_dial_at: null });
    watch.sink('link.connected', { session: 7, attempt: 1 });
    expect(watch.link()).to.include({ state: 'connecting', session: 7 });
    watch.sink('link.welcomed', { session: 7, skewMs: -12, jobs: 0 });
    expect(watch.link()).to.include({ state: 'connected', since: at(nowMs), session: 7 });
    expect(watch.clockSkewMs).to.equal(-12);
    nowMs += 5_000;
    watch.sink('link.lost', { session: 7, closeCode: 1006, durationMs: 5_000, retryInMs: 900 });
    const lost = { at: at(nowMs), event: 'link.lost', reason: 'closed_1006' };
    expect(watch.link()).to.deep.equal({
      state: 'waiting',
      since: at(nowMs),
      session: null,
      next_dial_at: at(nowMs + 900),
      last_error: lost,
    });
    const sinceMs = nowMs;
    nowMs += 1_000;
    watch.sink('link.unreachable', { attempt: 1, reason: 'ECONNREFUSED', retryInMs: 100 });
    expect(watch.link()).to.include({ since: at(sinceMs) });
    expect(watch.link().last_error).to.include({ reason: 'ECONNREFUSED' });
    watch.sink('link.rejected', { code: 'agent_revoked', status: 403, retryInMs: 100 });
    expect(watch.link().last_error).to.include({ event: 'link.rejected', reason: 'agent_revoked' });
    expect(passed).to.have.length(6);
  });

  it('remembers the last errors, a repetition once, and nothing that an event may not say', () => {
    const watch = new Watch(
      () => undefined,
      () => 5,
    );
    for (let count = 0; count < 3; count += 1)
      watch.sink('credentials.failed', { connection: 'prod', code: 'credentials_unavailable' });
    watch.sink('agent.recovered', { jobs: 1 });
    watch.sink('credentials.failed', { connection: 'AKIA secret!', code: 'credentials_unavailable' });
    expect(watch.errors()).to.deep.equal([
      {
        at: '1970-01-01T00:00:00.005Z',
        times: 1,
        event: 'credentials.failed',
        level: 'error',
        code: 'credentials_unavailable',
      },
      {
        at: '1970-01-01T00:00:00.005Z',
        times: 3,
        event: 'credentials.failed',
        level: 'error',
        code: 'credentials_unavailable',
        connection: 'prod',
      },
    ]);
    for (let count = 0; count < 200; count += 1)
      watch.sink('results.disputed', { job: `00000000-0000-4000-8000-${String(count).padStart(12, '0')}` });
    expect(watch.errors()).to.have.length(50);
    expect(watch.errors()[0]?.job).to.match(/199$/);
  });
});
