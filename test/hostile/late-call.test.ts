// not_after is the latest start of a call, and a cancel stops what has not been sent: both hold for the repetitions of a throttled call too.
import { expect } from 'chai';
import type { ControlPlanePeer } from '../support/control-plane-peer.ts';
import { type PairedAgent, pairedAgent } from '../support/paired-agent.ts';
import { errorAnswer, type ScriptedEndpoint, xmlAnswer } from '../support/scripted-endpoint.ts';

describe('a throttled change', () => {
  let paired: PairedAgent;
  let plane: ControlPlanePeer;
  let endpoint: ScriptedEndpoint;

  before(async () => {
    paired = await pairedAgent();
    ({ peer: plane, endpoint } = paired);
  });

  after(() => paired.stop());

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
