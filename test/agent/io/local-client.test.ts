// The commands' end of the local socket, against agents that are of another version, broken, or not there.
import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askExec, askJson, askRun, type LocalClient } from '../../../agent/io/local-client.ts';
import { runListSchema } from '../../../agent/local/wire.ts';
import { headOf } from '../../support/run-samples.ts';

describe('the local client', () => {
  let stateDir: string;
  let server: Server | null = null;
  let others: string[];
  let client: LocalClient;

  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'iam-agent-client-'));
    others = [];
    client = {
      kind: 'local_client',
      stateDir,
      version: '1.0.0',
      onOtherVersion: (version) => void others.push(version),
    };
  });
  afterEach(async () => {
    server?.closeAllConnections();
    if (server !== null) await new Promise((resolve) => server?.close(resolve));
    server = null;
    rmSync(stateDir, { recursive: true });
  });

  const serve = async (listener: RequestListener): Promise<void> => {
    server = createServer(listener);
    await new Promise<void>((resolve) => server?.listen(join(stateDir, 'agent.sock'), resolve));
  };
  const ours = { 'iam-agent-local': '1', 'iam-agent-version': '1.0.0' };
  const list = () => askJson(client, '/1/runs', runListSchema);
  const work = (lines: string[] = []) => ({
    head: headOf('list_access_keys'),
    rows: (async function* () {
      yield '{}';
    })(),
    started: () => undefined,
    deliver: async (line: string) => void lines.push(line),
    signal: new AbortController().signal,
  });

  it('says that nobody answers, in an empty directory and in none', async () => {
    expect(await list()).to.include({ kind: 'refused', code: 'agent_not_running' });
    expect(await askJson({ ...client, stateDir: join(stateDir, 'none') }, '/1/runs', runListSchema)).to.include({
      code: 'agent_not_running',
    });
    expect(await askExec(client, work())).to.include({ code: 'agent_not_running' });
    expect(await askRun(client, 'x', { found: () => undefined, deliver: () => Promise.resolve() })).to.include({
      code: 'agent_not_running',
    });
  });

  it('tells an agent of another version, and what to do', async () => {
    await serve((_request, response) => {
      response.writeHead(404, { 'iam-agent-local': '2', 'iam-agent-version': '3.0.0' });
      response.end('{}');
    });
    for (const answer of [await list(), await askExec(client, work())]) {
      expect(answer).to.include({ kind: 'refused', code: 'local_version' });
      expect(JSON.stringify(answer)).to.include('3.0.0').and.include('1.0.0').and.include('restart');
    }
  });

  it('goes on with another version that speaks the same, and says so', async () => {
    await serve((_request, response) => {
      response.writeHead(200, { ...ours, 'iam-agent-version': '1.0.1' });
      response.end('{"runs":[]}');
    });
    expect(await list()).to.deep.equal({ runs: [] });
    expect(others).to.deep.equal(['1.0.1']);
  });

  it('believes nothing that does not have the form', async () => {
    for (const [status, body] of [
      [200, '{"runs":7}'],
      [200, 'nonsense'],
      [200, ''],
      [500, 'nonsense'],
    ] as const) {
      await serve((_request, response) => {
        response.writeHead(status, ours);
        response.end(body);
      });
      expect(await list(), body).to.include({ kind: 'refused', code: 'local_version' });
      server?.closeAllConnections();
      await new Promise((resolve) => server?.close(resolve));
    }
    server = null;
  });

  it('passes on a no with a code that it does not know', async () => {
    await serve((_request, response) => {
      response.writeHead(400, ours);
      response.end('{"error":{"code":"of_the_future","detail":"why"}}');
    });
    expect(await list()).to.deep.equal({ kind: 'said', code: 'of_the_future', detail: 'why' });
  });

  it('tells an agent that goes away in the middle of a run', async () => {
    await serve((_request, response) => {
      response.writeHead(200, ours);
      response.write('{"started":{"run":"00000000-0000-4000-8000-000000000001","config_differs":false}}\n{"row":0}\n');
      setTimeout(() => response.destroy(), 50);
    });
    const lines: string[] = [];
    expect(await askExec(client, work(lines))).to.equal(null);
    expect(lines).to.deep.equal(['{"row":0}']);
  });
});
