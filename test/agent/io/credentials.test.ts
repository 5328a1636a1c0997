// Keys from each source that a test can have: what is kept, what is looked up again, and that no error holds what was read.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import type { CredentialSource } from '../../../agent/connection.ts';
import { type AwsKeys, createCredentials } from '../../../agent/io/credentials.ts';
import { systemClock } from '../../../agent/io/clock-system.ts';
import { openRoute } from '../../../agent/io/outbound.ts';
import { createWire, type Wire } from '../../../agent/io/raw-response.ts';
import { sessionNameFor } from '../../../agent/io/role-sessions.ts';
import { startScriptedEndpoint, xmlAnswer } from '../../support/scripted-endpoint.ts';

describe('credentials', () => {
  let folder = '';
  const time = { ms: Date.parse('2026-01-01T00:00:00Z') };
  const clock = { ...systemClock(), now: () => time.ms };
  const unread = async (_path: string): Promise<string> => await Promise.reject(new Error('no file is to be read'));
  const from = (
    source: CredentialSource,
    readSecretFile = unread,
    programTimeoutMs = 30_000,
  ): (() => Promise<AwsKeys>) =>
    createCredentials(source, {
      clock,
      region: 'us-east-1',
      readSecretFile,
      wire: async () => await Promise.resolve(wire),
      programTimeoutMs,
    });
  const program = (script: string): CredentialSource => ({
    kind: 'process',
    command: [process.execPath, '-e', script],
  });
  const failure = async (keys: () => Promise<AwsKeys>): Promise<string> => {
    try {
      await keys();
    } catch (error) {
      return error instanceof Error ? `${error.name}: ${error.message}` : 'no error';
    }
    throw new Error('there were keys');
  };
  let wire: Wire;
  before(async () => {
    const timeouts = { connectMs: 1000, answerMs: 1000 };
    wire = createWire({ route: await openRoute({ verifySsl: true }), timeouts, maxAnswerBytes: 100_000 });
    folder = mkdtempSync(join(tmpdir(), 'credentials-'));
  });
  after(() => {
    wire.close();
    rmSync(folder, { recursive: true });
  });
  /** Runs with these variables and puts back what was there. */
  async function withEnvironment(
    variables: Readonly<Record<string, string>>,
    work: () => Promise<void>,
  ): Promise<void> {
    const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
    Object.assign(process.env, variables);
    try {
      await work();
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  }

  it('from files: read each time, without the line end, with or without a token', async () => {
    const files = new Map([
      ['a', 'AKID1\n'],
      ['s', 'secret\n'],
      ['t', 'token'],
    ]);
    const read = async (path: string): Promise<string> => await Promise.resolve(files.get(path) ?? '');
    const plain = from({ kind: 'files', accessKeyFile: 'a', secretKeyFile: 's' }, read);
    expect(await plain()).to.deep.equal({ accessKeyId: 'AKID1', secretAccessKey: 'secret' });
    files.set('a', 'AKID2');
    expect(await plain()).to.have.property('accessKeyId', 'AKID2');
    const session = from({ kind: 'files', accessKeyFile: 'a', secretKeyFile: 's', sessionTokenFile: 't' }, read);
    expect(await session()).to.have.property('sessionToken', 'token');
    files.set('s', ' ');
    expect(await failure(plain)).to.contain('CredentialsError');
  });

  it('from files with a stamp: read when it changes or says nothing, and the same keys are the same object', async () => {
    const state = { access: 'AKID1', stamp: 'one' as string | null, reads: 0 };
    const readSecretFile = async (path: string): Promise<string> => {
      state.reads += 1;
      return await Promise.resolve(path === 'a' ? state.access : 'secret');
    };
    const source = { kind: 'files', accessKeyFile: 'a', secretKeyFile: 's' } as const;
    const keys = createCredentials(source, {
      clock,
      region: 'us-east-1',
      readSecretFile,
      wire: async () => await Promise.resolve(wire),
      secretFileStamp: () => state.stamp,
    });
    const first = await keys();
    expect(await keys()).to.equal(first);
    expect(state.reads).to.equal(2);
    [state.access, state.stamp] = ['AKID2', 'two'];
    const second = await keys();
    expect(second).to.have.property('accessKeyId', 'AKID2');
    state.stamp = 'three';
    expect(await keys(), 'written again, with the same in it').to.equal(second);
    expect(state.reads).to.equal(6);
    state.stamp = null;
    await keys();
    state.access = 'AKID3';
    expect(await keys()).to.have.property('accessKeyId', 'AKID3');
    expect(state.reads).to.equal(10);
  });

  it('from a program: kept until shortly before their end, one run for all who ask', async () => {
    const counter = join(folder, 'runs');
    const printed = `{Version:1,AccessKeyId:'AKID'+n,SecretAccessKey:'s',SessionToken:'t',Expiration:'2026-01-01T01:00:00Z'}`;
    const script = `const fs=require('fs');fs.appendFileSync(${JSON.stringify(counter)},'x');const n=fs.readFileSync(${JSON.stringify(counter)}).length;console.log(JSON.stringify(${printed}))`;
    const keys = from(program(script));
    const [first, second] = await Promise.all([keys(), keys()]);
    expect(first).to.deep.equal({
      accessKeyId: 'AKID1',
      secretAccessKey: 's',
      sessionToken: 't',
      expiresAtMs: Date.parse('2026-01-01T01:00:00Z'),
    });
    expect(second).to.equal(first);
    time.ms += 54 * 60_000;
    expect(await keys()).to.have.property('accessKeyId', 'AKID1');
    time.ms += 2 * 60_000;
    expect(await keys()).to.have.property('accessKeyId', 'AKID2');
  });

  it('from a program that fails: what went wrong, and not what it printed', async () => {
    const scripts = [
      `console.log('S3CR3T');console.error('S3CR3T');process.exit(3)`,
      `console.log('S3CR3T')`,
      `console.log(JSON.stringify({Version:2,AccessKeyId:'a',SecretAccessKey:'S3CR3T'}))`,
      `console.log(JSON.stringify({Version:1,SecretAccessKey:'S3CR3T'}))`,
      `console.log('S3CR3T'.repeat(100000))`,
    ];
    for (const script of scripts) {
      const text = await failure(from(program(script)));
      expect(text).to.contain('CredentialsError: the credential program').and.to.not.contain('S3CR3T');
    }
    const absent = await failure(from({ kind: 'process', command: [join(folder, 'absent')] }));
    expect(absent).to.contain('ENOENT');
  });

  it('from a program that ignores every polite end: killed with what it started, within its time', async () => {
    const beats = join(folder, 'beats');
    const beat = (who: string): string =>
      `process.on('SIGTERM',()=>{});setInterval(()=>require('fs').appendFileSync(${JSON.stringify(beats)},'${who}'),20);`;
    const child = `require('child_process').spawn(process.execPath,['-e',${JSON.stringify(beat('c'))}],{stdio:'inherit'});`;
    const keys = from(program(`${child}${beat('p')}`), unread, 2000);
    expect(await failure(keys)).to.equal('CredentialsError: the credential program failed (no end within 2000 ms)');
    expect(readFileSync(beats, 'utf8')).to.contain('c').and.to.contain('p');
    let [before, now] = [-1, statSync(beats).size];
    for (let round = 0; round < 10 && before !== now; round += 1) {
      await setTimeout(300);
      [before, now] = [now, statSync(beats).size];
    }
    expect(now, 'both have ended').to.equal(before);
  });

  it('from a profile whose program does not end: no keys, within its time', async () => {
    const file = join(folder, 'aws-slow');
    writeFileSync(file, '[slow]\ncredential_process = sleep 3\n');
    await withEnvironment({ AWS_CONFIG_FILE: join(folder, 'none'), AWS_SHARED_CREDENTIALS_FILE: file }, async () => {
      const text = await failure(from({ kind: 'profile', profile: 'slow' }, unread, 300));
      expect(text).to.contain('the profile slow').and.to.contain('TimeoutError');
    });
  });

  it('from a program: which sees where AWS is configured, and no other variable of the agent', async () => {
    const shown = join(folder, 'environment');
    const printed = `console.log(JSON.stringify({Version:1,AccessKeyId:'a',SecretAccessKey:'s'}))`;
    const script = `require('fs').writeFileSync(${JSON.stringify(shown)},JSON.stringify(process.env));${printed}`;
    const given = { AWS_CONFIG_FILE: '/c', AWS_SHARED_CREDENTIALS_FILE: '/s', AWS_PROFILE: 'p', AWS_REGION: 'r' };
    const kept = { ...given, HTTPS_PROXY: 'http://127.0.0.1:1', no_proxy: 'localhost' };
    const held = {
      AWS_SECRET_ACCESS_KEY: 'S3CR3T',
      AWS_SESSION_TOKEN: 'S3CR3T',
      NODE_OPTIONS: '',
      AGENT_TOKEN: 'S3CR3T',
    };
    await withEnvironment({ ...kept, ...held }, async () => {
      expect(await from(program(script))()).to.include({ accessKeyId: 'a' });
    });
    const seen: unknown = JSON.parse(readFileSync(shown, 'utf8'));
    expect(seen).to.include(kept).and.to.have.property('PATH', process.env['PATH']);
    expect(seen).to.not.have.any.keys(...Object.keys(held));
  });

  it('from a profile, or why not', async () => {
    const file = join(folder, 'aws');
    const variables = { AWS_CONFIG_FILE: join(folder, 'none'), AWS_SHARED_CREDENTIALS_FILE: file };
    await withEnvironment(variables, async () => {
      writeFileSync(file, '[work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = S3CR3T\n');
      const keys = from({ kind: 'profile', profile: 'work' });
      expect(await keys()).to.include({ accessKeyId: 'AKIDWORK', secretAccessKey: 'S3CR3T' });
      writeFileSync(file, '[work]\naws_access_key_id = AKIDNEXT\naws_secret_access_key = S3CR3T\n');
      time.ms += 61_000;
      expect(await keys(), 'a changed file').to.include({ accessKeyId: 'AKIDNEXT' });
      const text = await failure(from({ kind: 'profile', profile: 'other' }));
      expect(text).to.contain('the profile other').and.to.not.contain('S3CR3T');
    });
  });

  it("from a profile with a role: asked for over the connection's own sockets", async () => {
    const endpoint = await startScriptedEndpoint();
    const file = join(folder, 'aws-role');
    const base = '[base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = S3CR3T\n';
    writeFileSync(file, `${base}[work]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n`);
    const session =
      '<AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>';
    const result = `<Credentials>${session}<Expiration>2026-06-01T00:00:00Z</Expiration></Credentials>`;
    endpoint.play([xmlAnswer('AssumeRole', result)]);
    const variables = {
      AWS_CONFIG_FILE: join(folder, 'none'),
      AWS_SHARED_CREDENTIALS_FILE: file,
      AWS_ENDPOINT_URL_STS: endpoint.url,
    };
    const exchanges: string[] = [];
    const inner = wire;
    wire = {
      exchange: async (request, options) => {
        exchanges.push(request.hostname);
        return await inner.exchange(request, options);
      },
      close: () => inner.close(),
    };
    try {
      await withEnvironment(variables, async () => {
        const keys = await from({ kind: 'profile', profile: 'work' })();
        expect(keys).to.include({
          accessKeyId: 'ASIA1',
          sessionToken: 't',
          expiresAtMs: Date.parse('2026-06-01T00:00:00Z'),
        });
      });
      expect(exchanges).to.deep.equal(['127.0.0.1']);
      expect(endpoint.requests.map(({ operation }) => operation)).to.deep.equal(['AssumeRole']);
    } finally {
      wire = inner;
      await endpoint.stop();
    }
  });

  it("from the SDK's default chain: the environment", async () => {
    const variables = { AWS_ACCESS_KEY_ID: 'AKIDENV', AWS_SECRET_ACCESS_KEY: 'S3CR3T', AWS_SESSION_TOKEN: 't' };
    await withEnvironment(variables, async () => {
      const keys = await from({ kind: 'default' })();
      expect(keys).to.include({ accessKeyId: 'AKIDENV', secretAccessKey: 'S3CR3T', sessionToken: 't' });
    });
  });
});

describe('the name of a session', () => {
  it('is one that STS takes', () => {
    expect(sessionNameFor('job-1=x,y.z@w+_')).to.equal('job-1=x,y.z@w+_');
    expect(sessionNameFor('a b/c:é')).to.equal('a-b-c--');
    expect(sessionNameFor('x'.repeat(200))).to.have.length(64);
    expect(sessionNameFor('')).to.equal('iam-agent');
  });
});
