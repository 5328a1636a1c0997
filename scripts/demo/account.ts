// The AWS account of the demo: moto, an IAM server in memory, or the server named by --iam-endpoint; with the users that the demo works on.
// This is the demo's own preparation and inspection, by plain SDK calls. Nothing of it goes through the agent.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateAccessKeyCommand,
  CreatePolicyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeletePolicyCommand,
  DeleteUserCommand,
  DetachUserPolicyCommand,
  IAMClient,
  ListAccessKeysCommand,
  ListAttachedUserPoliciesCommand,
} from '@aws-sdk/client-iam';
import { DemoError, type Processes, type StartOptions } from './processes.ts';

const region = 'us-east-1';
const policyName = 'demo-review';
const probeWithinMs = 30_000;
const setupWithinMs = 12 * 60_000;
const motoWithinMs = 30_000;

/** Ends when its standard input closes, so it cannot outlive the demo. The argument is there to be seen in a list of processes. */
const motoProgram = `
import logging, sys
logging.getLogger("werkzeug").setLevel(logging.ERROR)
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("http://%s:%s" % server.get_host_and_port(), flush=True)
sys.stdin.read()
`;

export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A Python that has moto: one that is there, else the checkout's own environment, made by scripts/setup.mjs within its time limits. */
export function pythonWithMoto(root: string, say: (text: string) => void): string {
  const own = join(root, '.venv', 'bin', 'python');
  const fits = (python: string): boolean =>
    spawnSync(python, ['-c', 'import moto.server, flask'], { timeout: probeWithinMs, stdio: 'ignore' }).status === 0;
  const named = process.env.IAM_AGENT_PYTHON;
  const candidates = named === undefined ? [...(existsSync(own) ? [own] : []), 'python3'] : [named];
  const present = candidates.find(fits);
  if (present !== undefined) return present;
  say('no Python with moto here; making .venv with it (once, up to 12 minutes)');
  const setup = spawnSync(process.execPath, ['scripts/setup.mjs', '--python'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: setupWithinMs,
  });
  if (setup.status === 0 && fits(own)) return own;
  throw new DemoError(
    'expected a Python with moto for the demo account, and could not make one; name one with IAM_AGENT_PYTHON=…, ' +
      'or another IAM test server with --iam-endpoint URL',
  );
}

export async function startMoto(
  processes: Processes,
  python: string,
  { folder, ...options }: StartOptions & { readonly folder: string },
): Promise<string> {
  const moto = processes.start('moto', python, ['-c', motoProgram, folder], options);
  const address = (): string | null => /^http:\S+/m.exec(moto.stdout)?.[0] ?? null;
  return moto.until(address, 'address to listen on', motoWithinMs);
}

export class Account {
  policyArn = '';
  readonly #client: IAMClient;
  readonly #users: string[] = [];

  constructor(endpoint: string, credentials: Keys) {
    this.#client = new IAMClient({ endpoint, region, credentials, maxAttempts: 2 });
  }

  /** Users with one access key each, and a policy of the account's own. */
  async prepare(users: readonly string[]): Promise<void> {
    try {
      for (const UserName of users) {
        await this.#client.send(new CreateUserCommand({ UserName }));
        this.#users.push(UserName);
        await this.#client.send(new CreateAccessKeyCommand({ UserName }));
      }
      const Statement = [{ Effect: 'Allow', Action: 'iam:Get*', Resource: '*' }];
      const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
      const made = await this.#client.send(new CreatePolicyCommand({ PolicyName: policyName, PolicyDocument }));
      this.policyArn = made.Policy?.Arn ?? '';
    } catch (error) {
      throw new DemoError(`the demo account could not be prepared: ${String(error)}`);
    }
  }

  async keysOf(UserName: string): Promise<readonly { readonly id: string; readonly status: string }[]> {
    const { AccessKeyMetadata = [] } = await this.#client.send(new ListAccessKeysCommand({ UserName }));
    return AccessKeyMetadata.map((key) => ({ id: key.AccessKeyId ?? '', status: key.Status ?? '' }));
  }

  async policiesOf(UserName: string): Promise<readonly string[]> {
    const { AttachedPolicies = [] } = await this.#client.send(new ListAttachedUserPoliciesCommand({ UserName }));
    return AttachedPolicies.map((policy) => policy.PolicyArn ?? '');
  }

  /** Takes away what was made, for a server that goes on after the demo. */
  async remove(): Promise<void> {
    for (const UserName of this.#users.splice(0)) {
      for (const { id: AccessKeyId } of await this.keysOf(UserName))
        await this.#client.send(new DeleteAccessKeyCommand({ UserName, AccessKeyId }));
      for (const PolicyArn of await this.policiesOf(UserName))
        await this.#client.send(new DetachUserPolicyCommand({ UserName, PolicyArn }));
      await this.#client.send(new DeleteUserCommand({ UserName }));
    }
    if (this.policyArn !== '') await this.#client.send(new DeletePolicyCommand({ PolicyArn: this.policyArn }));
    this.policyArn = '';
  }

  close(): void {
    this.#client.destroy();
  }
}
