// not_after is the latest start of a call, and a cancel stops what has not been sent: both hold for the repetitions of a throttled call too.
import { expect } from 'chai';
import { ControlPlanePeer } from '../support/control-plane-peer.ts';
import { Host, type Program, scratch } from '../support/programs.ts';
import { errorAnswer, type ScriptedEndpoint, startScriptedEndpoint, xmlAnswer } from '../support/scripted-endpoint.ts';

describe('a throttled change', () => {
  let folder: Awaited<ReturnType<typeof scratch>>;
  let plane: ControlPlanePeer;
  let endpoint: ScriptedEndpoint;
  let agent: Program;

  before(async () => {
    folder = await scratch();
    plane = await ControlPlanePeer.start();
    endpoint = await startScriptedEndpoint();
    const host = await Host.make(`${folder.path}/host`, plane.url, { endpoint: endpoint.url });
    expect((await host.pair(plane.invitation)).status).to.equal(0);
    agent = host.run();
    await agent.logged('link.welcomed');
  });

  after(async () => {
    await agent.kill();
    await plane.stop();
    await endpoint.stop();
    await folder[Symbol.asyncDispose]();
  });

  it('is not sent again after the latest start of a call', async () => {
    const notAfter = Math.floor(Date.now() / 1000) + 2;
    let tries = 0;
    let latestMs = 0;
    endpoint.play(({ operation }) => {
      if (operation !== 'CreateAccessKey')
        return xmlAnswer(operation, '<AccessKeyMetadata/><IsTruncated>false</IsTruncated>');
      tries += 1;
      latestMs = Date.now();
      if (latestMs < notAfter * 1000 + 1_500) return errorAnswer(400, 'Throttling', 'Rate exceeded');
      const key =
        '<UserName>a</UserName><AccessKeyId>AKIAEXAMPLE000000001</AccessKeyId><Status>Active</Status><SecretAccessKey>s</SecretAccessKey>';
      return xmlAnswer(operation, `<AccessKey>${key}</AccessKey>`);
    });
    const { jti } = await plane.sendJob(['{"user":"a"}'], { action: 'create_access_key', not_after: notAfter });
    await plane.until(() => plane.seen('job.finished').some(({ frame }) => frame.job === jti), 'end of the job');
    expect(tries).to.be.above(0);
    expect(latestMs / 1000, 'last request').to.be.at.most(notAfter + 1);
  });
});
