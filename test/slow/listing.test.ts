// A listing of 100,000 items (100 pages) between the real programs, with the agent killed in the middle again and again: every item arrives once and
// in order, and no page is asked for more than once, but for one at each kill.
import { randomInt } from 'node:crypto';
import { expect } from 'chai';
import { pairedHost } from '../support/paired-host.ts';
import { type ControlPlane, type Host, type Program, scratch } from '../support/programs.ts';
import { type ScriptedEndpoint, startScriptedEndpoint, xmlAnswer } from '../support/scripted-endpoint.ts';

const [pages, perPage, kills] = [100, 1_000, 6];

describe('a listing of 100,000 items', () => {
  let folder: Awaited<ReturnType<typeof scratch>>;
  let plane: ControlPlane;
  let endpoint: ScriptedEndpoint;
  let host: Host;
  let agent: Program;
  const asked: string[] = [];

  before(async () => {
    folder = await scratch();
    endpoint = await startScriptedEndpoint();
    endpoint.play(({ operation, params }) => {
      const marker = params.get('Marker');
      asked.push(marker ?? 'first');
      const page = marker === null ? 0 : Number(marker.slice(1));
      const items = Array.from(
        { length: perPage },
        (_, index) => `<member><PolicyName>p${page * perPage + index}</PolicyName></member>`,
      ).join('');
      const more =
        page + 1 < pages
          ? `<IsTruncated>true</IsTruncated><Marker>m${page + 1}</Marker>`
          : '<IsTruncated>false</IsTruncated>';
      return xmlAnswer(operation, `<Policies>${items}</Policies>${more}`);
    });
    ({ plane, host, agent } = await pairedHost(folder.path, { endpoint: endpoint.url, reconnectSeconds: 1 }));
  });

  after(async () => {
    await agent.kill('SIGKILL');
    await plane.kill('SIGKILL');
    await endpoint.stop();
    await folder[Symbol.asyncDispose]();
  });

  async function until(test: () => boolean | Promise<boolean>, what: string): Promise<void> {
    const deadline = Date.now() + 120_000;
    while (!(await test())) {
      if (Date.now() > deadline) throw new Error(`no ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  it(`survives ${kills} kills of the agent`, async () => {
    const head = { agent: 'host-1', connection: 'prod', action: 'list_policies', inputs: {} };
    const headers = { 'content-type': 'application/x-ndjson' };
    const made = await plane.api('/api/v1/jobs', { method: 'POST', headers, body: JSON.stringify(head) });
    expect(made.status).to.equal(201);
    const { job } = (await made.json()) as { job: string };
    for (let kill = 0; kill < kills; kill += 1) {
      const from = asked.length;
      await until(() => asked.length >= from + randomInt(5, 15), 'pages');
      await agent.kill('SIGKILL');
      agent = host.run();
    }
    const status = async (): Promise<string> =>
      ((await (await plane.api(`/api/v1/jobs/${job}`)).json()) as { status: string }).status;
    await until(async () => (await status()) === 'completed', 'end of the job');
    const text = await (await plane.api(`/api/v1/jobs/${job}/results`)).text();
    const entries = text.split('\n').filter(Boolean);
    expect(entries).to.have.length(pages * perPage + 1);
    const wrong = entries.slice(0, -1).findIndex((line, index) => {
      const { item, envelope } = JSON.parse(line) as { item: number; envelope: { PolicyName: string } };
      return item !== index || envelope.PolicyName !== `p${index}`;
    });
    expect(wrong).to.equal(-1);
    expect(JSON.parse(entries.at(-1) ?? '')).to.deep.equal({
      row: 0,
      row_end: { items: pages * perPage, outcome: 'succeeded' },
    });
    const twice = asked.length - new Set(asked).size;
    expect(new Set(asked).size).to.equal(pages);
    expect(twice, 'pages asked for again').to.be.at.most(kills);
    console.log(`      ${kills} kills, ${twice} of ${pages} pages asked for twice`);
  });
});
