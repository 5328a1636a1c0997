// Rows that come in many chunks: they run before the last one is there, and a kill or damage at any chunk costs that chunk alone. Listings of many
// pages: a marker that AWS no longer takes after a restart ends the row, and says so.
import { join } from 'node:path';
import { expect } from 'chai';
import { ControlPlanePeer } from '../support/control-plane-peer.ts';
import { Host, type Program, scratch } from '../support/programs.ts';
import { errorAnswer, type ScriptedEndpoint, startScriptedEndpoint, xmlAnswer } from '../support/scripted-endpoint.ts';

const noKeys = '<AccessKeyMetadata/><IsTruncated>false</IsTruncated>';
const [chunkCount, perChunk] = [12, 40];
const chunks = Array.from({ length: chunkCount }, (_, chunk) =>
  Array.from({ length: perChunk }, (_row, row) => `{"user":"u-${chunk}-${row}"}`),
);

describe('large jobs', () => {
  let folder: Awaited<ReturnType<typeof scratch>>;
  let peer: ControlPlanePeer;
  let endpoint: ScriptedEndpoint;
  let host: Host;
  let agent: Program;

  before(async () => {
    endpoint = await startScriptedEndpoint();
  });
  after(() => endpoint.stop());

  beforeEach(async () => {
    folder = await scratch();
    peer = await ControlPlanePeer.start();
    host = await Host.make(join(folder.path, 'host'), peer.url, { endpoint: endpoint.url, reconnectSeconds: 1 });
    const paired = await host.pair(peer.invitation);
    expect(paired.status, paired.stderr).to.equal(0);
    agent = host.run();
    await peer.frame('credit');
  });

  afterEach(async () => {
    await agent.kill('SIGKILL');
    await peer.stop();
    await folder[Symbol.asyncDispose]();
  });

  async function restart(): Promise<void> {
    await agent.kill('SIGKILL');
    peer.frames.splice(0, peer.frames.length, ...peer.frames.filter(({ frame }) => frame.type === 'results'));
    agent = host.run();
    await peer.frame('credit');
  }

  for (const at of [1, 7, 11]) {
    it(`run from the first chunk on, and go on after a kill at chunk ${at}, also when it then comes damaged`, async () => {
      endpoint.play(() => xmlAnswer('ListAccessKeys', noKeys));
      const { jti } = await peer.sendToken(chunks);
      await peer.frame('job.accepted');
      for (const [chunk, rows] of chunks.slice(0, at).entries()) peer.sendChunk(jti, chunk, rows);
      // Rows of what has come are run, whatever is still to come.
      await peer.until(() => peer.entries(jti).length >= at * perChunk, 'rows of the first chunks');
      await restart();
      const { frame: hello } = await peer.frame('hello');
      expect(hello.jobs.map(({ job, next_chunk }) => [job, next_chunk])).to.deep.equal([[jti, at]]);
      peer.sendChunk(jti, at, [...(chunks[at] ?? []).slice(1), '{"user":"somebody-else"}']);
      const { frame: request } = await peer.frame('rows.request');
      expect(request).to.include({ job: jti, chunk: at });
      for (let chunk = at; chunk < chunkCount; chunk += 1) peer.sendChunk(jti, chunk, chunks[chunk] ?? []);
      await peer.frame('job.finished');
      const ends = peer.entries(jti).map((line) => JSON.parse(line) as { row: number; row_end?: { outcome: string } });
      expect(ends.map(({ row }) => row).toSorted((a, b) => a - b)).to.deep.equal(
        Array.from({ length: chunkCount * perChunk }, (_, row) => row),
      );
      expect(ends.every(({ row_end }) => row_end?.outcome === 'succeeded')).to.equal(true);
      const users = endpoint.requests.map(({ params }) => params.get('UserName'));
      expect(users).not.to.include('somebody-else');
      // A row whose end was not on disk yet at the kill is read again: at most those that were under way.
      expect(users.length).to.be.within(chunkCount * perChunk, chunkCount * perChunk + 4);
    });
  }

  it('end a listing whose marker AWS refuses after a restart, after the items that were sent, and say so', async () => {
    let refusing = false;
    endpoint.play(({ operation, params }, index) => {
      if (refusing && params.get('Marker') !== null) return errorAnswer(400, 'ValidationError', 'Invalid Marker.');
      const item = `<member><UserName>a</UserName><AccessKeyId>AKIA${index}</AccessKeyId></member>`;
      const more = `<IsTruncated>true</IsTruncated><Marker>page-${index}</Marker>`;
      return xmlAnswer(operation, `<AccessKeyMetadata>${item}</AccessKeyMetadata>${more}`, { afterMs: 30 });
    });
    const { jti } = await peer.sendJob(['{"user":"a"}']);
    await peer.until(() => peer.entries(jti).length >= 3, 'some pages');
    await agent.kill('SIGKILL');
    refusing = true;
    await restart();
    await peer.frame('job.finished');
    const entries = peer
      .entries(jti)
      .map((line) => JSON.parse(line) as { item?: number; envelope?: { error: string | null }; row_end?: unknown });
    const items = entries.filter(({ item }) => item !== undefined);
    expect(items.map(({ item }) => item)).to.deep.equal(items.map((_, index) => index));
    expect(entries.at(-2)?.envelope?.error)
      .to.include('Invalid Marker.')
      .and.include(`the ${items.length} items before it were sent`);
    expect(entries.at(-1)?.row_end).to.deep.equal({ items: items.length + 1, outcome: 'failed' });
  });
});
