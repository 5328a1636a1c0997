// Both programs with their surroundings in the test's hands: links through fault proxies, an AWS that logs what it carried out, and hosts that can
// be stopped, copied and moved. What is left afterwards is judged by the checker, which nothing of the agent feeds.
import { expect } from 'chai';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultProxy, type FaultProxyOptions } from '../../support/fault-proxy.ts';
import {
  ControlPlane,
  Host,
  type HostOptions,
  type Invitation,
  type Program,
  scratch,
} from '../../support/programs.ts';
import { check } from '../checker/check.ts';
import type { AskedJob, Effect } from '../checker/evidence.ts';
import { readJobs, readParties } from '../checker/read-store.ts';
import { Endpoint } from '../endpoint.ts';
import { askFor, type JobPlan } from '../jobs.ts';
import { Random } from '../random.ts';

export interface JobView {
  readonly job: string;
  readonly status: string;
  readonly rows: { readonly total: number; readonly ended: number; readonly failed: number };
  readonly outcomes: Readonly<Record<string, number>> | null;
  readonly refusal: { readonly code: string; readonly detail: string } | null;
}

const openStatuses: ReadonlySet<string> = new Set(['queued', 'sent', 'running']);

export interface SiteOptions {
  /** Between pings of both sides, milliseconds. */
  readonly heartbeatMs?: number;
  readonly seed?: string;
}

export interface PostOptions extends Partial<HostOptions> {
  readonly inFlight?: number;
  readonly observe?: FaultProxyOptions['observe'];
}

/** A paired host with its agent and the fault proxy on its link. */
export interface Post {
  readonly name: string;
  readonly host: Host;
  readonly link: FaultProxy;
  agent: Program;
  readonly fingerprint: string;
}

type Asked = Omit<AskedJob, 'id'> & { readonly id: string };

export class Site {
  readonly folder: string;
  readonly plane: ControlPlane;
  readonly aws: Endpoint;
  readonly awsLink: FaultProxy;
  readonly posts: Post[] = [];
  /** Where the checker reads the store, when the control plane's own directory cannot be seen from here. */
  storeFolder: string;
  readonly #removeFolder: () => Promise<void>;
  readonly #planeArgs: readonly string[];
  readonly #random: Random;
  readonly #asked: Asked[] = [];

  private constructor(parts: {
    folder: string;
    removeFolder: () => Promise<void>;
    plane: ControlPlane;
    planeArgs: readonly string[];
    aws: Endpoint;
    awsLink: FaultProxy;
    random: Random;
  }) {
    this.folder = parts.folder;
    this.plane = parts.plane;
    this.storeFolder = parts.plane.folder;
    this.aws = parts.aws;
    this.awsLink = parts.awsLink;
    this.#removeFolder = parts.removeFolder;
    this.#planeArgs = parts.planeArgs;
    this.#random = parts.random;
  }

  /** With a control plane that runs, and no host yet. */
  static async start({ heartbeatMs = 500, seed = 'site' }: SiteOptions = {}): Promise<Site> {
    const folder = await scratch();
    const random = new Random(seed);
    const aws = await new Endpoint({
      random: new Random(`${seed} aws`),
      logFile: join(folder.path, 'effects.jsonl'),
      onFault: () => undefined,
    }).start();
    const awsLink = await FaultProxy.start({ target: aws.url, framing: 'http' });
    const planeArgs = ['--heartbeat-ms', String(heartbeatMs)];
    const plane = await new ControlPlane(join(folder.path, 'plane')).start(...planeArgs);
    const removeFolder = (): Promise<void> => folder[Symbol.asyncDispose]();
    return new Site({ folder: folder.path, removeFolder, plane, planeArgs, aws, awsLink, random });
  }

  /** A host that is paired; its agent does not run yet when `run` is false. */
  async pair(name: string, options: PostOptions = {}): Promise<Omit<Post, 'agent'>> {
    const target = this.plane.url;
    const observe = options.observe === undefined ? {} : { observe: options.observe };
    const link = await FaultProxy.start({ target, framing: 'websocket', ...observe });
    const settings = { endpoint: this.awsLink.url, reconnectSeconds: 1, ...options };
    const host = await Host.make(join(this.folder, name), link.url, settings);
    if (options.inFlight !== undefined) {
      const text = await readFile(host.config, 'utf8');
      await writeFile(host.config, text.replace('in_flight: 4', `in_flight: ${options.inFlight}`));
    }
    const invitation = await this.#invite(name);
    const paired = await host.pair(invitation);
    if (paired.status !== 0) throw new Error(`pairing failed: ${paired.stderr}`);
    return { name, host, link, fingerprint: invitation.fingerprint };
  }

  /** A host with an agent that was welcomed. */
  async post(name: string, options: PostOptions = {}): Promise<Post> {
    const paired = await this.pair(name, options);
    const post = this.take(paired, paired.host.run());
    await post.agent.logged('link.welcomed');
    return post;
  }

  /** Ends `agent` with the site. */
  take(paired: Omit<Post, 'agent'>, agent: Program): Post {
    const post: Post = { ...paired, agent };
    this.posts.push(post);
    return post;
  }

  async restartPlane(): Promise<void> {
    await this.plane.start(...this.#planeArgs);
  }

  /** Creates the job; what it must come to is kept for `judge`. */
  async ask(agent: string, plan: JobPlan): Promise<string> {
    const { body, asked } = askFor(plan, agent, this.#random);
    const headers = { 'content-type': 'application/x-ndjson' };
    const made = await this.plane.api('/api/v1/jobs', { method: 'POST', headers, body });
    const answer = (await made.json()) as { job?: string };
    if (answer.job === undefined) throw new Error(`job refused: ${JSON.stringify(answer)}`);
    this.#asked.push({ id: answer.job, ...asked });
    return answer.job;
  }

  async view(job: string): Promise<JobView> {
    return (await (await this.plane.api(`/api/v1/jobs/${job}`)).json()) as JobView;
  }

  /** Waits until the job is over at the control plane, whatever happens to the control plane meanwhile. */
  async over(job: string, withinMs = 60_000): Promise<JobView> {
    const deadline = Date.now() + withinMs;
    for (let last = ''; ; await sleep(50)) {
      const seen = await this.#followed(job, deadline).catch((error: unknown) => String(error));
      if (typeof seen !== 'string' && !openStatuses.has(seen.status)) return seen;
      last = JSON.stringify(seen);
      if (Date.now() > deadline) throw new Error(`the job ${job} is not over after ${withinMs} ms: ${last}`);
    }
  }

  async #followed(job: string, deadline: number): Promise<JobView> {
    const signal = AbortSignal.timeout(Math.max(deadline - Date.now(), 1));
    const followed = await this.plane.api(`/api/v1/jobs/${job}/results?follow=true`, { signal }).catch(() => null);
    await followed?.text().catch(() => undefined);
    return this.view(job);
  }

  /** Waits until so many rows of the job have ended at the control plane. */
  async ended(job: string, rows: number): Promise<void> {
    const deadline = Date.now() + 40_000;
    for (;;) {
      const { rows: seen } = await this.view(job);
      if (seen.ended >= rows) return;
      if (Date.now() > deadline) throw new Error(`${seen.ended} rows have ended, not ${rows}`);
      await sleep(10);
    }
  }

  /** Texts of the error envelopes of a job, by row. */
  async errors(job: string): Promise<Map<number, { code: string; text: string }>> {
    const lines = (await (await this.plane.api(`/api/v1/jobs/${job}/results`)).text()).split('\n').filter(Boolean);
    const entries = lines.map(
      (line) => JSON.parse(line) as { row: number; envelope?: { error: string | null; error_code?: string } },
    );
    return new Map(
      entries
        .filter(({ envelope }) => typeof envelope?.error === 'string')
        .map(({ row, envelope }) => [row, { code: envelope?.error_code ?? '', text: envelope?.error ?? '' }]),
    );
  }

  /** What AWS carried out, by the name of the row that it was asked for. */
  effects(): ReadonlyMap<string, readonly Effect[]> {
    return Map.groupBy(this.aws.effects, ({ marker }) => marker);
  }

  /** Lays all jobs, or those named, against what AWS did and the control plane holds. */
  async judge(jobs?: readonly string[]): Promise<void> {
    await this.aws.settled();
    const carriedOut = this.aws.effects;
    for (const post of this.posts) {
      const asked = this.#asked.filter(({ id, agent }) => agent === post.name && (jobs?.includes(id) ?? true));
      if (asked.length === 0) continue;
      const api = (path: string, headers = {}): Promise<Response> => this.plane.api(path, { headers });
      const stored = await readJobs(
        this.storeFolder,
        api,
        asked.map(({ id }) => id),
      );
      const markers = new Set(asked.flatMap(({ rows }) => rows.map(({ marker }) => marker)));
      const effects = carriedOut.filter(({ marker }) => markers.has(marker));
      const parties = readParties(this.storeFolder, post.name, post.fingerprint);
      expect(check({ parties, asked, effects, stored }).violations).to.deep.equal([]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { agent } of this.posts) await agent.kill();
    await this.plane.kill();
    for (const { link } of this.posts) await link.dispose();
    await this.awsLink.dispose();
    await this.aws.stop();
    await this.#removeFolder();
  }

  async #invite(name: string): Promise<Invitation> {
    const headers = { 'content-type': 'application/json' };
    const made = await this.plane.api('/api/v1/agents', { method: 'POST', headers, body: JSON.stringify({ name }) });
    return (await made.json()) as Invitation;
  }
}
