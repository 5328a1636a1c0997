// One row through the pipeline, and what happened on the way.
import { systemClock } from '../../agent/io/clock-system.ts';
import type { CallAnswer, CallRequest } from '../../agent/iam/iam-caller.ts';
import { allowJob } from '../../agent/job/allow-job.ts';
import type { PendingRow, RowProgress } from '../../agent/job/journal.ts';
import { type RowPorts, runRow } from '../../agent/job/pipeline.ts';
import { Turns } from '../../agent/job/turns.ts';
import type { Connection } from '../../agent/connection.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import type { JobInputs, JobOptions } from '../../protocol/job-claims.ts';
import { aConnection, type SeenEntry } from './job-fixture.ts';
import { ScriptedCaller } from './scripted-caller.ts';

export const failure: CallAnswer = {
  kind: 'answer',
  status: 404,
  headers: [['Content-Type', 'text/xml']],
  body: '<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>gone</Message></Error><RequestId>r</RequestId></ErrorResponse>',
  attempts: 1,
};

export interface Ran {
  /** What happened, in order. */
  readonly log: string[];
  readonly lines: SeenEntry[];
  readonly progress: RowProgress[];
  readonly outcome: string | null;
}

export interface Setting {
  readonly action?: string;
  readonly inputs?: JobInputs;
  readonly options?: JobOptions;
  readonly line?: string;
  readonly progress?: RowProgress | null;
  readonly connection?: Partial<Connection>;
  readonly ports?: Partial<RowPorts>;
}

type Script = (request: CallRequest, earlier: number) => CallAnswer | Promise<CallAnswer>;

export async function run(script: Script, setting: Setting = {}): Promise<Ran> {
  const request = {
    action: setting.action ?? 'list_access_keys',
    connection: 'main',
    inputs: setting.inputs ?? { Username: '{{ user }}' },
    options: setting.options ?? {},
  };
  const plan = allowJob(request, new Map([['main', { ...aConnection, ...setting.connection }]]));
  if (isRefusal(plan)) throw new Error(plan.detail);
  const [log, lines, progress]: [string[], SeenEntry[], RowProgress[]] = [[], [], []];
  const take = (texts: readonly string[]): void =>
    void lines.push(...texts.map((text) => JSON.parse(text) as SeenEntry));
  const caller = new ScriptedCaller((asked, earlier) => {
    log.push(`call ${asked.operation}`);
    return script(asked, earlier);
  });
  const pending: PendingRow = { row: 4, line: setting.line ?? '{"user":"alice"}', progress: setting.progress ?? null };
  const signal = new AbortController().signal;
  const outcome = await runRow(plan, pending, {
    work: { job: 'job-1' },
    sessionName: 'session',
    caller,
    clock: systemClock(),
    turns: new Turns(),
    events: () => undefined,
    stop: () => null,
    room: () => Promise.resolve(),
    drain: signal,
    signal,
    waits: signal,
    reads: signal,
    sink: {
      progress: (_row, texts, made) => {
        log.push(made.intent === null ? `page of ${texts.length}` : 'intent');
        take(texts);
        progress.push(made);
        return Promise.resolve();
      },
      end: (_row, end) => {
        log.push(`end ${end.outcome} ${end.items}`);
        take(end.lines);
        return Promise.resolve();
      },
    },
    ...setting.ports,
  });
  return { log, lines, progress, outcome };
}
