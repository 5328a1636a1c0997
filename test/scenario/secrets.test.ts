// Looks for every secret where none may be: logs, command lines, error texts, the state directory, the control plane's data.
import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadIdentity, loadStateKey } from '../../agent/io/identity-file.ts';
import { isRefusal } from '../../protocol/error-codes.ts';
import { normaliseCode } from '../../protocol/pairing.ts';
import {
  accessKey,
  ControlPlane,
  type Finished,
  Host,
  type Invitation,
  type Program,
  scratch,
  secretKey,
} from '../support/programs.ts';
import { type ScriptedEndpoint, startScriptedEndpoint, xmlAnswer } from '../support/scripted-endpoint.ts';

const newSecret = 'n3wS3cr3tAcc3ssK3y/F0rAlic3+0nly7777';
const password = 'r3f3r3nc3-p4ssw0rd-0f-th3-h0st';

describe('secrets', () => {
  let folder: Awaited<ReturnType<typeof scratch>>;
  let plane: ControlPlane;
  let endpoint: ScriptedEndpoint;
  let host: Host;
  let agent: Program;
  let invitation: Invitation;
  /** Everything that any program printed. */
  const printed: string[] = [];
  const commandLines: string[] = [];
  const secrets = new Map<string, string>();

  const keep = (ended: Finished): Finished => {
    printed.push(ended.stdout, ended.stderr);
    return ended;
  };

  function noteCommandLines(): void {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        commandLines.push(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
      } catch {
        // It ended meanwhile.
      }
    }
  }

  before(async () => {
    folder = await scratch();
    endpoint = await startScriptedEndpoint();
    const key = `<UserName>alice</UserName><AccessKeyId>AKIAEXAMPLE000000001</AccessKeyId><Status>Active</Status><SecretAccessKey>${newSecret}</SecretAccessKey>`;
    endpoint.play(({ operation }) =>
      operation === 'CreateAccessKey'
        ? xmlAnswer(operation, `<AccessKey>${key}</AccessKey>`)
        : xmlAnswer(operation, '<AccessKeyMetadata/><IsTruncated>false</IsTruncated>'),
    );
    plane = await new ControlPlane(join(folder.path, 'plane')).start();
    const more = `    reference_values: [{ name: vault, value: ${JSON.stringify(password)}, kind: password }]`;
    host = await Host.make(join(folder.path, 'host'), plane.url, { endpoint: endpoint.url, more });
    invitation = await plane.invite('host-1');
    const watch = setInterval(noteCommandLines, 20);
    keep(await host.pair({ ...invitation, code: `${invitation.code}X` }));
    const paired = keep(await host.pair(invitation));
    expect(paired.status, paired.stderr).to.equal(0);
    agent = host.run();
    await agent.logged('link.welcomed');
    const target = ['--agent', 'host-1', '--connection', 'prod'];
    keep(await plane.command(['run', 'create_access_key', ...target, '--set', 'Username={{ vault }}', '--follow']));
    // Results that cannot be delivered stay on the host: the control plane is gone while the key is made.
    const job = (await plane.command(['run', 'create_access_key', ...target, '--set', 'Username=alice'])).stdout.trim();
    await agent.until((program) => program.logs('row.ended').some((line) => line['job'] === job), 'the row');
    await plane.kill('SIGKILL');
    clearInterval(watch);
    await agent.kill('SIGKILL');
    printed.push(agent.stdout, agent.stderr, plane.program?.stdout ?? '', plane.program?.stderr ?? '');
    const stateKey = await loadStateKey(host.stateDir, undefined);
    const identity = await loadIdentity(host.stateDir, stateKey);
    if (isRefusal(identity)) throw new Error(identity.detail);
    secrets.set("the agent's private key", identity.privateKey.d);
    secrets.set('the AWS access key id', accessKey);
    secrets.set('the AWS secret key', secretKey);
    secrets.set('the created secret key', newSecret);
    secrets.set('the pairing code', invitation.code);
    secrets.set('the pairing code without dashes', normaliseCode(invitation.code));
    secrets.set('the password reference value', password);
  });

  after(async () => {
    await endpoint.stop();
    await folder[Symbol.asyncDispose]();
  });

  /** A secret as text, and in the encodings in which it could hide. */
  function found(haystack: Buffer | string): string[] {
    const bytes = Buffer.from(haystack);
    const names: string[] = [];
    for (const [name, secret] of secrets) {
      const raw = Buffer.from(secret);
      // A base64 text depends on where in a group it starts, so its certain middle is looked for.
      const shifted = [0, 1, 2].map((shift) =>
        Buffer.concat([Buffer.alloc(shift), raw])
          .toString('base64')
          .slice(4, -4),
      );
      const forms = [
        raw.toString('hex'),
        JSON.stringify(secret).slice(1, -1),
        encodeURIComponent(secret),
        secret,
        ...shifted,
      ];
      if (forms.some((form) => bytes.includes(form))) names.push(name);
    }
    return names;
  }

  async function filesOf(path: string): Promise<string[]> {
    const entries = await readdir(path, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  }

  it('would be found if they were there', () => {
    for (const secret of secrets.values()) {
      expect(found(`xx${secret}yy`)).not.to.deep.equal([]);
      expect(found(Buffer.from(`{"key":"${secret}"}`).toString('base64'))).not.to.deep.equal([]);
    }
    expect(endpoint.requests.length).to.be.greaterThan(0);
  });

  it('are in no log, output or error text', () => {
    // The code is shown once by `agents add`, which is not among what was kept.
    expect(found(printed.join('\n'))).to.deep.equal([]);
    expect(printed.join('\n')).to.include('secret_reference').and.include('pairing_code_invalid');
  });

  it('are in no command line of this machine', () => {
    const own = commandLines.filter((line) => line.includes('iam-agent') || line.includes('main.ts'));
    expect(own.length).to.be.greaterThan(0);
    expect(found(own.join('\n'))).to.deep.equal([]);
  });

  it('are nowhere in clear in the state directory', async () => {
    const files = await filesOf(host.stateDir);
    expect(files.map((file) => file.slice(host.stateDir.length + 1))).to.include.members([
      'identity.json',
      'journal.db',
    ]);
    for (const file of files) expect(found(await readFile(file)), file).to.deep.equal([]);
  });

  it("are nowhere in the control plane's data, and the host's own never came near it", async () => {
    const files = await filesOf(plane.folder);
    expect(files.length).to.be.greaterThan(2);
    for (const file of files) expect(found(await readFile(file)), file).to.deep.equal([]);
  });
});
