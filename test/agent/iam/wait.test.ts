// Waiting for what AWS does in its own time, with a simulated clock: what ends a wait, and what its row is told.
import { expect } from 'chai';
import type { CallAnswer, CallRequest, IamCaller } from '../../../agent/iam/iam-caller.ts';
import { type ActionPage, runAction } from '../../../agent/iam/run-action.ts';
import type { Json } from '../../../protocol/json.ts';
import { prepared, testConnection } from '../../conformance/side-by-side.ts';
import { type Answer, errorAnswer, xmlAnswer } from '../../support/scripted-endpoint.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

const connection = testConnection('http://127.0.0.1:1');

interface Played {
  readonly pages: readonly ActionPage[];
  readonly asked: readonly CallRequest[];
  readonly elapsedMs: number;
}

/** The last answer is given again and again. */
async function play(
  action: string,
  inputs: Readonly<Record<string, Json>>,
  answers: readonly Answer[],
  waits = new AbortController().signal,
  onPause: () => void = () => undefined,
): Promise<Played> {
  const asked: CallRequest[] = [];
  const caller: IamCaller = {
    call: async (request): Promise<CallAnswer> => {
      const step = answers[Math.min(asked.length, answers.length - 1)];
      asked.push(request);
      if (step === undefined) throw new Error('no answer');
      return await Promise.resolve({ kind: 'answer', headers: [], attempts: 1, status: step.status, body: step.body });
    },
  };
  const clock = new SimulatedClock();
  const sleep = clock.sleep.bind(clock);
  clock.sleep = async (ms, by) => {
    onPause();
    await sleep(ms, by);
  };
  const { signal } = new AbortController();
  const running = Array.fromAsync(
    runAction(prepared(action, inputs), { caller, clock, connection, sessionName: 'j', waits, signal }),
  );
  const pages = await clock.run(running);
  return { pages, asked, elapsedMs: clock.monotonicMs() };
}

const envelopeOf = ({ pages }: Played): Readonly<Record<string, Json>> => ({ ...pages[0]?.envelopes[0] });
const started = xmlAnswer('GenerateServiceLastAccessedDetails', '<JobId>job-1</JobId>');
const job = (status: string, more = ''): Answer =>
  xmlAnswer('GetServiceLastAccessedDetails', `<JobStatus>${status}</JobStatus>${more}<ServicesLastAccessed/>`);
const report = (state: string): Answer => xmlAnswer('GenerateCredentialReport', `<State>${state}</State>`);
const arn = 'arn:aws:iam::123456789012:user/alice';

describe('waiting for AWS', () => {
  it('is not done unless it is asked for', async () => {
    const played = await play('generate_credential_report', {}, [report('STARTED')]);
    expect(played.asked).to.have.length(1);
    expect(envelopeOf(played)).to.have.nested.property('result.State', 'STARTED');
  });

  it('asks again until the report is there', async () => {
    const answers = [report('STARTED'), report('INPROGRESS'), report('COMPLETE')];
    const played = await play('generate_credential_report', { 'Wait Seconds': '60' }, answers);
    expect(played.asked).to.have.length(3);
    expect(envelopeOf(played)).to.have.nested.property('result.State', 'COMPLETE');
    expect(played.elapsedMs).to.be.within(2_000, 3_000);
  });

  it('reads the job that was started, and gives the answer that started it', async () => {
    const answers = [started, job('IN_PROGRESS'), job('COMPLETED')];
    const played = await play('generate_service_last_accessed_details', { Arn: arn, 'Wait Seconds': '60' }, answers);
    expect(played.asked.map(({ operation, input }) => [operation, input['JobId']])).to.deep.equal([
      ['GenerateServiceLastAccessedDetails', undefined],
      ['GetServiceLastAccessedDetails', 'job-1'],
      ['GetServiceLastAccessedDetails', 'job-1'],
    ]);
    expect(envelopeOf(played)).to.have.nested.property('result.JobId', 'job-1');
  });

  it('tells that the job failed, and why', async () => {
    const failed = job('FAILED', '<Error><Message>too many</Message><Code>Odd</Code></Error>');
    const played = await play('generate_service_last_accessed_details', { Arn: arn, WaitSeconds: 60 }, [
      started,
      failed,
    ]);
    expect(envelopeOf(played)).to.include({ has_error: true, error_code: 'aws_error' });
    expect(envelopeOf(played)['error']).to.contain('(JobId job-1) failed at AWS: too many');
  });

  it('ends at its deadline, with the job in the text', async () => {
    const answers = [started, job('IN_PROGRESS')];
    const played = await play('generate_service_last_accessed_details', { Arn: arn, WaitSeconds: 60 }, answers);
    expect(envelopeOf(played)).to.include({ has_error: true, error_code: 'wait_timeout' });
    expect(envelopeOf(played)['error']).to.contain('(JobId job-1) was not complete after 60 seconds');
    expect(played.elapsedMs).to.equal(60_000);
    expect(played.asked.length).to.be.within(12, 20);
  });

  it('takes "in progress" for "not yet", and any other error for an answer', async () => {
    const pending = errorAnswer(404, 'ReportInProgress', 'wait');
    const done = xmlAnswer(
      'GetCredentialReport',
      '<Content>dXNlcixhcm4K</Content><ReportFormat>text/csv</ReportFormat>',
    );
    const good = await play('get_credential_report', { WaitSeconds: 60 }, [pending, pending, done]);
    expect(envelopeOf(good)).to.have.nested.property('result.Content', 'user,arn\n');
    const absent = await play('get_credential_report', { WaitSeconds: 60 }, [
      errorAnswer(404, 'ReportNotPresent', 'no'),
    ]);
    expect(absent.asked).to.have.length(1);
    expect(envelopeOf(absent)['error']).to.contain('(ReportNotPresent)');
  });

  it('ends when the process drains; the row goes on after the next start', async () => {
    const drain = new AbortController();
    drain.abort();
    const played = await play('generate_credential_report', { WaitSeconds: 60 }, [report('STARTED')], drain.signal);
    expect(played.pages[0]?.failure).to.deep.equal({ code: 'cancelled', outcomeUnknown: false });
  });

  it('makes no further read when the process drains while it pauses', async () => {
    const drain = new AbortController();
    const answers = [report('STARTED'), report('COMPLETE')];
    const played = await play('generate_credential_report', { WaitSeconds: 60 }, answers, drain.signal, () =>
      drain.abort(),
    );
    expect(played.asked).to.have.length(1);
    expect(played.pages[0]?.failure).to.deep.equal({ code: 'cancelled', outcomeUnknown: false });
  });

  it('has nothing to wait for when AWS names no job', async () => {
    for (const id of ['', '<JobId/>']) {
      const nameless = xmlAnswer('GenerateServiceLastAccessedDetails', id);
      const played = await play('generate_service_last_accessed_details', { Arn: arn, WaitSeconds: 60 }, [nameless]);
      expect(played.asked).to.have.length(1);
      expect(envelopeOf(played)).to.include({ has_error: true, error_code: 'aws_malformed' });
      expect(envelopeOf(played)['error']).to.contain('without a JobId');
      const plain = await play('generate_service_last_accessed_details', { Arn: arn }, [nameless]);
      expect(envelopeOf(plain)).to.include({ has_error: false });
    }
  });

  it('names what was started when it cannot be read', async () => {
    const answers = [started, errorAnswer(403, 'AccessDenied', 'not you')];
    const played = await play('generate_service_last_accessed_details', { Arn: arn, WaitSeconds: 60 }, answers);
    expect(envelopeOf(played)['error']).to.contain('(AccessDenied)').and.contain('(JobId job-1)');
  });
});
