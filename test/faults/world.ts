// One control plane, one agent and one AWS account, real processes on real sockets and files, with every fault that can be put between them. What
// an operator asks of it goes through the REST API and is repeated until it is answered, as a client with an Idempotency-Key does.
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultProxy } from '../support/fault-proxy.ts';
import type { Host } from '../support/programs.ts';
import { check } from './checker/check.ts';
import type { AskedJob, Findings, Violation } from './checker/evidence.ts';
import { readJobs, readParties } from './checker/read-store.ts';
import type { Endpoint } from './endpoint.ts';
import { askFor, type JobPlan } from './jobs.ts';
import type { LinkRelay } from './link-relay.ts';
import { type CrashPoint, type Ended, type ProgramName, RunningProgram } from './programs.ts';
import type { Random } from './random.ts';
import { agentName, makeParts, mutationOf, type Parts, planeArgs, type WorldOptions } from './world-parts.ts';

export interface JobState {
  readonly job: string;
  readonly status: string;
  readonly last_sequence: number;
}

const openStatuses: ReadonlySet<string> = new Set(['queued', 'sent', 'running']);
const stuckMs = 20_000;
const pollMs = 150;
/** Starts that a world may need before anything moves; on a busy host a start takes seconds. */
const startsBeforeStuck = 8;
const shownNames: Readonly<Record<ProgramName, string>> = { agent: 'agent', plane: 'control plane' };

export class World {
  readonly folder: string;
  readonly random: Random;
  readonly endpoint: Endpoint;
  readonly relay: LinkRelay;
  /** In front of the relay, and in front of AWS. */
  readonly planeLink: FaultProxy;
  readonly awsLink: FaultProxy;
  readonly host: Host;
  /** What the programs did that the evidence does not show: an end that nobody asked for, work that stood still. */
  readonly faults: Violation[] = [];
  readonly #options: WorldOptions;
  readonly #planePort: number;
  readonly #fingerprint: string;
  readonly #stuckMs: number;
  readonly #asked: AskedJob[] = [];
  readonly #over = new Set<string>();
  #names = 0;
  readonly #crashed: Record<ProgramName, boolean> = { agent: false, plane: false };
  #stopped = false;
  #programs: Record<ProgramName, RunningProgram | null> = { agent: null, plane: null };

  private constructor(options: WorldOptions, parts: Parts) {
    this.#options = options;
    this.folder = options.folder;
    this.random = parts.random;
    this.endpoint = parts.endpoint;
    this.relay = parts.relay;
    this.planeLink = parts.planeLink;
    this.awsLink = parts.awsLink;
    this.host = parts.host;
    this.#planePort = parts.planePort;
    this.#fingerprint = parts.fingerprint;
    this.#stuckMs = (options.stuckMs ?? stuckMs) + startsBeforeStuck * parts.startMs;
    this.#watch('plane', parts.plane);
  }

  /** Paired, and with a control plane that runs; the agent does not yet. */
  static async make(options: WorldOptions): Promise<World> {
    return new World(options, await makeParts(options));
  }

  get dataDir(): string {
    return join(this.folder, 'plane');
  }

  start(name: ProgramName, crash: CrashPoint | null = null): void {
    // Whoever still asks something of a world that is over must not bring its programs back.
    if (this.#stopped) return;
    const before = this.#programs[name];
    if (before?.alive === true) return;
    const program = new RunningProgram(name, {
      args: name === 'agent' ? ['run', '--config', this.host.config] : planeArgs(this.dataDir, this.#planePort),
      logFile: join(this.folder, `${name}.log`),
      crash,
      mutation: mutationOf(this.#options, name),
    });
    this.#watch(name, program);
  }

  /** Ended on purpose, and not counted. */
  async end(name: ProgramName, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    this.#programs[name]?.kill(signal);
    await this.#programs[name]?.exited;
    this.#crashed[name] = false;
  }

  /** Since `end`. */
  diedAtItsPoint(name: ProgramName): boolean {
    return this.#crashed[name];
  }

  /** SIGKILL now. False when it did not run. */
  async kill(name: ProgramName, why: string): Promise<boolean> {
    const program = this.#programs[name];
    const killed = program?.kill() ?? false;
    if (killed) this.#options.onCrash(`${shownNames[name]} ${why}`);
    await program?.exited;
    return killed;
  }

  /** The REST API, asked again until the control plane answers. */
  async api(path: string, init: RequestInit = {}): Promise<Response> {
    const token = readFileSync(join(this.dataDir, 'admin-token'), 'utf8').trim();
    const headers = { authorization: `Bearer ${token}`, ...(init.headers as Record<string, string> | undefined) };
    for (let left = 300; ; left -= 1) {
      try {
        const url = `http://127.0.0.1:${this.#planePort}${path}`;
        const answer = await fetch(url, { ...init, headers, signal: AbortSignal.timeout(10_000) });
        const body = await answer.text();
        if (answer.status < 500) return new Response(body, { status: answer.status });
      } catch (error) {
        if (left === 0) throw error;
      }
      this.start('plane');
      await sleep(50);
    }
  }

  async ask(plan: JobPlan): Promise<string> {
    const { body, asked } = askFor(plan, agentName, this.random);
    const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': plan.name };
    const made = await this.api('/api/v1/jobs', { method: 'POST', headers, body });
    const answer = (await made.json()) as { job?: string };
    if (answer.job === undefined) throw new Error(`job refused: ${JSON.stringify(answer)}`);
    this.#asked.push({ id: answer.job, ...asked });
    return answer.job;
  }

  /** Unique in this world. */
  nextName(): string {
    this.#names += 1;
    return `j${this.#names}`;
  }

  /** A change of a few rows. */
  askSmall(): Promise<string> {
    return this.ask({ kind: 'create_user', name: this.nextName(), rows: this.random.between(1, 5) });
  }

  /** Asks for a cancel; from now on the job may also end so. */
  async cancel(id: string): Promise<void> {
    this.allow(id, ['cancelled']);
    await this.api(`/api/v1/jobs/${id}/cancel`, { method: 'POST' });
  }

  /** It may end so too. */
  allow(id: string, statuses: readonly string[]): void {
    this.#expect(id, (before) => [...new Set([...before, ...statuses])]);
  }

  /** From now on it may end in no other way. */
  require(id: string, statuses: readonly string[]): void {
    this.#expect(id, () => statuses);
  }

  /** The jobs that had not ended when they were last looked at. */
  async states(): Promise<readonly JobState[]> {
    const looked: JobState[] = [];
    for (const { id } of this.#asked) {
      if (this.#over.has(id)) continue;
      const state = (await (await this.api(`/api/v1/jobs/${id}`)).json()) as JobState;
      if (!openStatuses.has(state.status)) this.#over.add(id);
      looked.push(state);
    }
    return looked;
  }

  async open(): Promise<readonly JobState[]> {
    return (await this.states()).filter(({ status }) => openStatuses.has(status));
  }

  /** Nothing stands between the programs any more, and both run. */
  async heal(): Promise<void> {
    this.endpoint.disarm();
    this.relay.disarm();
    this.planeLink.plan(() => ({}));
    this.awsLink.plan(() => ({}));
    await Promise.all([this.planeLink.accept(), this.awsLink.accept()]);
    for (const link of [this.planeLink, this.awsLink]) for (const connection of link.open) connection.destroy();
    this.start('plane');
    this.start('agent');
  }

  /** Resolves when every job has ended; false when nothing has moved for too long. */
  async finished(): Promise<boolean> {
    let [seen, movedAt] = ['', Date.now()];
    for (;;) {
      const states = await this.states();
      if (!states.some(({ status }) => openStatuses.has(status))) break;
      const now = `${this.endpoint.requests} ${states.map(({ status, last_sequence }) => `${status}${last_sequence}`).join()}`;
      if (now !== seen) [seen, movedAt] = [now, Date.now()];
      if (Date.now() - movedAt > this.#stuckMs) {
        const stuck = states.filter(({ status }) => openStatuses.has(status));
        for (const { job, status } of stuck)
          this.faults.push({ rule: 'stuck', job, row: null, detail: `${status}; nothing moves any more` });
        return false;
      }
      this.start('plane');
      this.start('agent');
      await sleep(pollMs);
    }
    await this.endpoint.settled();
    return true;
  }

  /** Reads the evidence and judges it. */
  async judge(): Promise<Findings> {
    const ids = this.#asked.map(({ id }) => id);
    const stored = await readJobs(this.dataDir, (path, headers = {}) => this.api(path, { headers }), ids);
    const parties = readParties(this.dataDir, agentName, this.#fingerprint);
    const findings = check({ parties, asked: this.#asked, effects: this.endpoint.effects, stored });
    // What stood still says least, so it comes last.
    const violations = [...findings.violations, ...this.faults];
    if (violations.length > 0)
      await writeFile(
        join(this.folder, 'evidence.json'),
        JSON.stringify({ parties, asked: this.#asked, stored }, null, 1),
      );
    return { ...findings, violations };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const { agent, plane } = this.#programs;
    this.#programs = { agent: null, plane: null };
    for (const program of [agent, plane]) {
      program?.kill();
      await program?.exited;
    }
    await Promise.all([this.planeLink.dispose(), this.awsLink.dispose()]);
    await Promise.all([this.endpoint.stop(), this.relay.stop()]);
  }

  #expect(id: string, statuses: (before: readonly string[]) => readonly string[]): void {
    const at = this.#asked.findIndex((job) => job.id === id);
    const job = this.#asked[at];
    if (job !== undefined) this.#asked[at] = { ...job, statuses: statuses(job.statuses) };
  }

  #watch(name: ProgramName, program: RunningProgram): void {
    this.#programs[name] = program;
    void program.exited.then((ended) => this.#ended(name, program, ended));
  }

  #ended(name: ProgramName, program: RunningProgram, { code, signal }: Ended): void {
    // Before a program has its handlers, SIGTERM ends it as it ends any other.
    if (program.killedFromOutside && (code === 0 || signal === 'SIGTERM')) return;
    if (signal === 'SIGKILL') {
      if (program.crash === null || program.killedFromOutside) return;
      this.#crashed[name] = true;
      this.#options.onCrash(`${shownNames[name]} ${program.crash.when} ${program.crash.place}`);
      return;
    }
    const detail = `${name} ended with ${code ?? signal}`;
    this.faults.push({ rule: 'program ended by itself', job: null, row: null, detail });
  }
}
