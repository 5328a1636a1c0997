// A running agent on a host with a control plane and a scripted AWS: what tests of the local socket start from.
import { expect } from 'chai';
import { join } from 'node:path';
import { askJson, type LocalClient } from '../../agent/io/local-client.ts';
import { statusSchema, type Status } from '../../agent/local/status.ts';
import { localPaths } from '../../agent/local/wire.ts';
import { ControlPlane, Host, Program, scratch } from './programs.ts';
import {
  errorAnswer,
  type ScriptedEndpoint,
  startScriptedEndpoint,
  type Step,
  xmlAnswer,
} from './scripted-endpoint.ts';

const member =
  '<member><UserName>alice</UserName><AccessKeyId>AKIAEXAMPLE000000001</AccessKeyId><Status>Active</Status></member>';
export const listed = `<AccessKeyMetadata>${member}</AccessKeyMetadata><IsTruncated>false</IsTruncated>`;
export const noKeys = '<AccessKeyMetadata></AccessKeyMetadata><IsTruncated>false</IsTruncated>';
export const newKey = 'AKIAEXAMPLE000000009';
export const created =
  `<AccessKey><UserName>alice</UserName><AccessKeyId>${newKey}</AccessKeyId><Status>Active</Status>` +
  '<SecretAccessKey>wJalrXUtnFEMI/NEW/SECRETEXAMPLEKEY</SecretAccessKey><CreateDate>2026-01-01T00:00:00Z</CreateDate></AccessKey>';

const byUser = ['--connection', 'prod', '--set', 'Username={{ user }}', '--rows', '-'];
export const listing = ['exec', 'list_access_keys', ...byUser];
export const creating = ['exec', 'create_access_key', ...byUser];
export const creatingFor = (user: string): readonly string[] => [
  'exec',
  'create_access_key',
  '--connection',
  'prod',
  '--set',
  `Username=${user}`,
];
export const csv = (count: number): string =>
  `user\n${Array.from({ length: count }, (_, row) => `user-${row}\n`).join('')}`;

export async function until(test: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await test())) {
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Creating a key takes this long; there is no key before. */
export function slowCreation(afterMs: number): (request: { operation: string }) => Step {
  return ({ operation }) =>
    operation === 'CreateAccessKey' ? xmlAnswer(operation, created, { afterMs }) : xmlAnswer(operation, noKeys);
}

export class LocalAgent {
  readonly folder: string;
  readonly plane: ControlPlane;
  readonly endpoint: ScriptedEndpoint;
  readonly host: Host;
  agent: Program;
  readonly #dispose: () => Promise<void>;

  private constructor(
    parts: { folder: string; plane: ControlPlane; endpoint: ScriptedEndpoint; host: Host; agent: Program },
    dispose: () => Promise<void>,
  ) {
    ({ folder: this.folder, plane: this.plane, endpoint: this.endpoint, host: this.host, agent: this.agent } = parts);
    this.#dispose = dispose;
  }

  static async start(options: { callsPerSecond?: number } = {}): Promise<LocalAgent> {
    const folder = await scratch();
    const endpoint = await startScriptedEndpoint();
    const plane = await new ControlPlane(join(folder.path, 'plane')).start();
    const host = await Host.make(join(folder.path, 'host'), plane.url, {
      endpoint: endpoint.url,
      reconnectSeconds: 1,
      ...options,
    });
    const paired = await host.pair(await plane.invite('host-1'));
    expect(paired.status, paired.stderr).to.equal(0);
    const agent = host.run();
    await agent.logged('link.welcomed');
    return new LocalAgent({ folder: folder.path, plane, endpoint, host, agent }, () => folder[Symbol.asyncDispose]());
  }

  async stop(): Promise<void> {
    await this.agent.kill('SIGKILL');
    await this.plane.kill('SIGTERM');
    await this.endpoint.stop();
    await this.#dispose();
  }

  async restart(): Promise<void> {
    this.agent = this.host.run();
    await this.agent.logged('link.welcomed');
  }

  /** Lists one key, makes one; there is no user "nobody". */
  answer(): void {
    this.endpoint.play(({ operation, params }) => {
      if (params.get('UserName') === 'nobody') return errorAnswer(404, 'NoSuchEntity', 'gone');
      return xmlAnswer(operation, operation === 'CreateAccessKey' ? created : listed);
    });
  }

  /** As the command asks, without its process. */
  async status(): Promise<Status> {
    const answer = await askJson(this.client, localPaths.status, statusSchema);
    if ('kind' in answer) throw new Error(`${answer.code}: ${answer.detail}`);
    return answer;
  }

  get client(): LocalClient {
    const { stateDir } = this.host;
    return { kind: 'local_client', stateDir, version: '0.0.1', onOtherVersion: () => undefined };
  }

  exec(args: readonly string[], input: string): Program {
    const program = new Program('agent', [...args, '--config', this.host.config]);
    program.child.stdin?.end(input);
    return program;
  }

  calls(operation: string): number {
    return this.endpoint.requests.filter((one) => one.operation === operation).length;
  }
}
