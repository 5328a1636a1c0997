// A control plane that does not read, does not acknowledge, or acknowledges entry by entry: the agent's memory stays bounded, its rows go on,
// and everything arrives once, in order.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { nodeHashing } from '../../node/hashing.ts';
import { chainNext, chainStart } from '../../protocol/digest-chain.ts';
import type { JobId } from '../../protocol/ids.ts';
import { ControlPlanePeer } from '../support/control-plane-peer.ts';
import { Host, type Program, scratch } from '../support/programs.ts';
import { type ScriptedEndpoint, startScriptedEndpoint, xmlAnswer } from '../support/scripted-endpoint.ts';

const rowsOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `{"user":"user-${index}"}`);
const page = (bytes: number): string =>
  `<AccessKeyMetadata><member><UserName>${'x'.repeat(bytes)}</UserName></member></AccessKeyMetadata><IsTruncated>false</IsTruncated>`;

describe('a slow control plane', () => {
  let folder: Awaited<ReturnType<typeof scratch>>;
  let peer: ControlPlanePeer;
  let endpoint: ScriptedEndpoint;
  let agent: Program;

  before(async () => {
    endpoint = await startScriptedEndpoint();
  });
  after(() => endpoint.stop());

  beforeEach(async () => {
    folder = await scratch();
    peer = await ControlPlanePeer.start();
    // A peer that does not read answers no ping; here the memory is looked at, not the heartbeat.
    peer.heartbeatMs = 60_000;
  });

  async function start(more = ''): Promise<void> {
    const host = await Host.make(join(folder.path, 'host'), peer.url, { endpoint: endpoint.url, more });
    const paired = await host.pair(peer.invitation);
    expect(paired.status, paired.stderr).to.equal(0);
    agent = host.run();
    await peer.frame('credit');
  }

  afterEach(async () => {
    await agent.kill('SIGKILL');
    await peer.stop();
    await folder[Symbol.asyncDispose]();
  });

  const memoryMib = (): number => {
    const status = readFileSync(`/proc/${agent.child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
  };
  const called = async (count: number): Promise<void> => {
    while (endpoint.requests.length < count) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const rowEnds = (job: JobId): string[] =>
    peer.entries(job).filter((line) => line.length < 200 && line.includes('"row_end"'));

  it('that reads nothing for a while costs the agent no memory: results wait on its disk', async () => {
    await start();
    const [rows, bytes] = [400, 300_000];
    endpoint.play(() => xmlAnswer('ListAccessKeys', page(bytes)));
    // The same with a peer that reads: what the runtime takes for so much work.
    const first = await peer.sendJob(rowsOf(rows));
    await called(rows);
    await peer.until(() => rowEnds(first.jti).length === rows, 'the first job');
    peer.acknowledge(first.jti);
    const before = memoryMib();
    const { jti } = await peer.sendJob(rowsOf(rows));
    await peer.until(() => peer.seen('job.accepted').length === 2, 'acceptance');
    peer.pause();
    await called(2 * rows);
    const grown = memoryMib() - before;
    // 120 MB of results were made meanwhile; what the runtime has not collected yet counts too.
    expect(grown, `${Math.round(grown)} MiB more`).to.be.lessThan(80);
    peer.resume();
    await peer.until(() => rowEnds(jti).length === rows, 'all rows');
    expect(peer.links).to.equal(1);
    expect(Object.keys(peer.entries(jti))).to.have.length(2 * rows);
  }).timeout(60_000);

  it('that acknowledges nothing fills the spool: no row starts, and rows go on as soon as there is room', async () => {
    await start('spool_quota_mib: 16');
    const [rows, bytes] = [100, 300_000];
    endpoint.play(() => xmlAnswer('ListAccessKeys', page(bytes)));
    const { jti } = await peer.sendJob(rowsOf(rows));
    while (agent.logs('spool.full').length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await peer.until(() => peer.entries(jti).length > 10, 'some results');
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    // Quota, and the rows that were under way.
    const atQuota = endpoint.requests.length;
    expect(atQuota).to.be.within(50, Math.ceil((16 * 1024 * 1024) / bytes) + 4);
    while (peer.seen('job.finished').length === 0) {
      peer.acknowledge(jti);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(rowEnds(jti)).to.have.length(rows);
    expect(endpoint.requests).to.have.length(rows);
    expect(agent.logs('spool.room')[0]).to.include({ quotaBytes: 16 * 1024 * 1024 });
  }).timeout(60_000);

  it('that acknowledges nothing is sent 2,500 entries of a job, while all its rows run', async () => {
    await start();
    // Two keys and the row's end make three entries a row.
    const two = page(10).replace(/<member>.*<\/member>/, '$&$&');
    endpoint.play(() => xmlAnswer('ListAccessKeys', two));
    const rows = 1_000;
    const { jti } = await peer.sendJob(rowsOf(rows));
    await called(rows);
    await peer.until(() => peer.entries(jti).length >= 2_500, 'a full window');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(peer.entries(jti)).to.have.length(2_500);
    expect(peer.seen('job.finished')).to.deep.equal([]);
    peer.acknowledge(jti);
    await peer.frame('job.finished');
    expect(rowEnds(jti)).to.have.length(rows);
  });

  it('that acknowledges entry by entry gets all of them, and each once', async () => {
    await start();
    endpoint.play(() => xmlAnswer('ListAccessKeys', page(10)));
    const rows = 700;
    const { jti } = await peer.sendJob(rowsOf(rows));
    let head = chainStart(nodeHashing, jti);
    let sequence = 0;
    while (sequence < 2 * rows) {
      await peer.until(() => peer.entries(jti).length > sequence, `entry ${sequence + 1}`);
      for (const line of peer.entries(jti).slice(sequence)) {
        sequence += 1;
        head = chainNext(nodeHashing, head, line);
        peer.send({ type: 'results.ack', job: jti, sequence, head });
      }
    }
    await peer.frame('job.finished');
    expect(rowEnds(jti)).to.have.length(rows);
    const firsts = peer.seen('results').map(({ frame }) => frame.first_sequence);
    expect(new Set(firsts).size).to.equal(firsts.length);
    expect(agent.logs('results.disputed')).to.deep.equal([]);
  });
});
