// What must never be readable: in log lines, in the store's files, in what the API shows.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect } from 'chai';
import { createLog } from '../../control-plane/log.ts';
import { pairAgent } from '../support/agent-identity.ts';
import { Fixture } from '../support/control-plane-fixture.ts';

const marks = ['MARKinput', 'MARKrow', 'MARKresult', 'MARKdetail'];

describe('control plane: secrets', () => {
  let fixture: Fixture;
  beforeEach(async () => {
    fixture = await Fixture.start();
  });
  afterEach(async () => {
    await fixture.close();
  });

  it('keeps inputs, rows, results, refusals, codes and tokens out of the logs and sealed on disk', async () => {
    const invitation = await fixture.invite();
    const identity = await pairAgent(invitation);
    const open = await fixture.invite('host-2');
    const { token: api } = await fixture.json<{ token: string }>('POST', '/api/v1/tokens', {
      name: 't',
      role: 'viewer',
    });
    const peer = await fixture.dial(identity, 1);
    await peer.hello();
    peer.credit(2, 2);
    await fixture.createJob(['{"a":"MARKrow"}'], { inputs: { Password: 'MARKinput' } });
    const token = await peer.job();
    token.accept();
    await peer.next('rows');
    token.lines.push('{"row":0,"envelope":{"result":"MARKresult","error":null,"has_error":false}}');
    token.sendResults(1);
    await peer.next('results.ack');
    await fixture.createJob(['{"a":"MARKrow"}'], { inputs: { Password: 'MARKinput' } });
    const other = await peer.job();
    peer.send({
      type: 'job.rejected',
      job: other.id,
      token_digest: other.digest,
      code: 'unknown_input',
      detail: 'MARKdetail',
    });
    await peer.settled();
    await fixture.createJob(['{"a":"MARKrow"}'], { inputs: { Password: 'MARKinput' } });

    const files = (await readdir(fixture.dataDir)).filter((name) => name.startsWith('store.sqlite'));
    expect(files).to.include('store.sqlite');
    const stored = Buffer.concat(
      await Promise.all(files.map((name) => readFile(join(fixture.dataDir, name)))),
    ).toString('latin1');
    expect(stored, 'the test reads the right file').to.include('host-1');
    const plain = [...marks, fixture.admin, api, open.code, open.code.replaceAll('-', ''), token.token];
    // A token's payload holds the inputs in base64url.
    const payload = Buffer.from('"Password":"MARKinput"').toString('base64url').slice(2, -4);
    for (const secret of [...plain, payload]) expect(stored.includes(secret), secret.slice(0, 8)).to.equal(false);
    const logged = JSON.stringify(fixture.events);
    for (const secret of [...plain, invitation.code])
      expect(logged.includes(secret), secret.slice(0, 8)).to.equal(false);
  });

  it('prints only what the event table names', () => {
    let text = '';
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        text += chunk.toString();
        done();
      },
    });
    const emit = createLog({ level: 'info', stream });
    emit('job.created', { job: 'j-1', agent: 'host-1', rows: 2, inputs: 'MARKinput' } as never);
    emit('job.created', { job: 'a secret with blanks', agent: 'x'.repeat(100), rows: Number.NaN });
    emit('request.ended', { status: 200 });
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ time: _time, ...rest }) => rest)).to.deep.equal([
      { level: 'info', event: 'job.created', job: 'j-1', agent: 'host-1', rows: 2 },
      { level: 'info', event: 'job.created' },
    ]);
  });
});
