import { execFile } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { EventSink } from '../../../agent/events.ts';
import { createLog, type LogOptions } from '../../../agent/io/log-winston.ts';

const execute = promisify(execFile);
const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const job = '01981e6c-0000-7000-8000-000000000001';

async function printed(options: Omit<LogOptions, 'stream'>, act: (log: ReturnType<typeof createLog>) => void) {
  const stream = new PassThrough();
  const log = createLog({ ...options, stream });
  act(log);
  await log.close();
  expect(stream.writableEnded).to.equal(false);
  return String(stream.read() ?? '');
}

/** A caller that the compiler did not check. */
const unchecked = (log: EventSink): ((name: string, fields: unknown) => void) => log as never;

describe('the log', () => {
  it('prints one JSON object a line: time, level, event, fields', async () => {
    const text = await printed({ level: 'info', format: 'json' }, (log) => {
      log('job.accepted', { job, connection: 'prod', action: 'list_users', rows: 3, dryRun: false });
      log('link.lost', { session: 4, code: 'heartbeat_lost' });
    });
    const lines = text.trimEnd().split('\n');
    expect(lines.length).to.equal(2);
    const [first, second] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(first).to.include({ level: 'info', event: 'job.accepted', job, connection: 'prod', rows: 3, dryRun: false });
    expect(Object.keys(first ?? {}).slice(0, 3)).to.deep.equal(['time', 'level', 'event']);
    expect(new Date(String(first?.['time'])).toISOString()).to.equal(first?.['time']);
    expect(second).to.include({ level: 'warn', event: 'link.lost', code: 'heartbeat_lost' });
  });

  for (const format of ['json', 'human'] as const)
    it(`prints no secret that comes in an unknown field or in a field of another form (${format})`, async () => {
      const text = await printed({ level: 'debug', format }, (log) => {
        const loose = unchecked(log);
        loose('job.refused', { job, detail: secret, code: secret, connection: secret });
        loose('call.retried', { awsCode: secret, requestId: secret, operation: { secret }, attempt: secret });
        loose('no.such.event', { job: secret });
        loose(secret, {});
        loose('job.refused', secret);
        loose('job.refused', { level: secret, message: secret, line: secret, splat: [secret], stack: secret });
      });
      expect(text).to.include('job.refused').and.to.include(job);
      expect(text).not.to.include('wJalr').and.not.to.include('EXAMPLE');
      // The caller's fault is visible as a number.
      expect(text).to.match(/droppedFields"?[=:]3/);
    });

  it('prints levels from the one asked for upwards', async () => {
    const text = await printed({ level: 'warn', format: 'json' }, (log) => {
      log('job.closed', { entries: 1 });
      log('link.connected', { session: 1 });
      log('spool.full', { bytes: 1 });
    });
    expect(text.match(/"event":"[a-z._]+"/g)).to.deep.equal(['"event":"spool.full"']);
  });

  it('is human on a terminal and JSON elsewhere when the format is auto', async () => {
    const plain = await printed({ level: 'info', format: 'auto' }, (log) => log('link.connected', { session: 1 }));
    expect(plain).to.match(/^\{/);
    const terminal = Object.assign(new PassThrough(), { isTTY: true });
    const log = createLog({ level: 'info', format: 'auto', stream: terminal });
    log('link.connected', { session: 1 });
    await log.close();
    expect(String(terminal.read())).to.match(/^\d{4}-\d\d-\d\dT[\d:.]+Z INFO {2}link\.connected session=1\n$/);
  });

  it('loses no line when the process ends right after, on a pipe', async () => {
    const script = `
      import { createLog } from './agent/io/log-winston.ts';
      const log = createLog({ level: 'info', format: 'json' });
      for (let session = 0; session < 5000; session += 1) log('link.connected', { session });
      await log.close();
      process.exit(0);`;
    const root = fileURLToPath(new URL('../../..', import.meta.url));
    const { stdout } = await execute(process.execPath, ['--input-type=module', '-e', script], {
      cwd: root,
      timeout: 15_000,
    });
    expect(stdout.trimEnd().split('\n').length).to.equal(5_000);
  });

  it('ends although nobody reads the stream', async () => {
    const stream = new PassThrough();
    const log = createLog({ level: 'info', format: 'json', stream });
    for (let session = 0; session < 2_000; session += 1) log('link.connected', { session });
    await log.close();
    expect(stream.writableNeedDrain).to.equal(true);
  });
});
