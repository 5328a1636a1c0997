// Sets the stage, tells the story, and clears everything away: on success, on failure, and on Ctrl-C or SIGTERM.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Account, pythonWithMoto, startMoto } from './account.ts';
import { DemoError, Processes } from './processes.ts';
import { Say, shellWord } from './say.ts';
import { makeKeys, Stage } from './stage.ts';
import { controlPlane, host, people, rotation, secrecy, type StoryParts, summary } from './story.ts';
import { WireTap } from './wire-tap.ts';

const usage = `npm run demo [-- OPTIONS]

  --iam-endpoint URL   use this IAM test server instead of moto (never a real account: the demo makes and removes users)
  --stay               keep everything running at the end, until Ctrl-C
  --help               this text
`;

interface Options {
  readonly endpoint: string | null;
  readonly stay: boolean;
}

type Release = () => Promise<void> | void;

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Returns the exit status. */
export async function runDemo(argv: readonly string[]): Promise<number> {
  const options = optionsOf(argv);
  if (typeof options === 'string') {
    process.stderr.write(options);
    return argv.includes('--help') ? 0 : 2;
  }
  const say = new Say(process.stdout, process.env);
  const stopped = Promise.withResolvers<NodeJS.Signals>();
  // More signals while it clears up change nothing: that takes seconds, and leaving half-way is what it is there to prevent.
  for (const signal of signals) process.on(signal, stopped.resolve);
  // Nobody reads on (`| head`): as good as Ctrl-C.
  process.stdout.on('error', () => stopped.resolve('SIGHUP'));
  const releases: Release[] = [];
  try {
    const told = tell(say, options, releases, stopped.promise);
    // After a signal the story fails on what was taken from under it; the signal is what counts.
    told.catch(() => undefined);
    const signal = await Promise.race([told, stopped.promise]);
    if (signal === null) return 0;
    say.line();
    say.bad(`stopped by ${signal}`);
    return signal === 'SIGINT' ? 130 : 143;
  } catch (error) {
    say.line();
    say.bad(error instanceof DemoError ? error.message : `a fault in the demo: ${(error as Error).stack}`);
    return 1;
  } finally {
    await giveBack(releases, say);
    for (const signal of signals) process.off(signal, stopped.resolve);
  }
}

/** Null when all of it was as expected. */
async function tell(
  say: Say,
  { endpoint, stay }: Options,
  releases: Release[],
  stopped: Promise<NodeJS.Signals>,
): Promise<null> {
  const startedMs = performance.now();
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const folder = await mkdtemp(join(tmpdir(), 'iam-agent-demo-'));
  releases.push(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const processes = new Processes();
  const tap = await WireTap.open();
  releases.push(() => tap.close());
  releases.push(() => processes.close());
  const env = childEnvironment();
  const keys = endpoint === null ? makeKeys() : ownKeys();

  say.title('iam-agent: a demo with a real agent and a real control plane on this machine');
  say.note('Commands are as you would type them in this checkout; first:');
  say.command([`DEMO=${shellWord(folder)}`].map(String));

  say.step('An AWS account to play with: three users with an access key each, and a policy');
  const url =
    endpoint ??
    (await startMoto(
      processes,
      pythonWithMoto(root, (text) => say.note(text)),
      { folder, cwd: root, env },
    ));
  const account = new Account(url, keys);
  releases.push(() => account.close());
  if (endpoint !== null) releases.push(() => account.remove());
  await account.prepare(people);
  say.good(
    `${endpoint === null ? 'moto, an IAM server in memory,' : 'your IAM server'} at ${url}: ${people.join(', ')}`,
  );
  say.note('The demo made these itself, with the AWS SDK; nothing of it went through the agent.');

  const stage = new Stage({ root, folder, processes, tap, say, env });
  const parts: StoryParts = { stage, say, tap, account, endpoint: url, hostSecret: keys.secretAccessKey };
  await controlPlane(parts);
  await host(parts, keys.accessKeyId);
  const counted = await rotation(parts);
  await secrecy(parts);
  await summary(parts, counted);
  say.line();
  if (stay) {
    say.note('Everything keeps running. Ctrl-C stops it and removes the folder.');
    await stopped;
  }
  await giveBack(releases, say);
  say.good(
    `as expected, in ${Math.round((performance.now() - startedMs) / 1000)} s; nothing is left running, and ${folder} is removed`,
  );
  return null;
}

async function giveBack(releases: Release[], say: Say): Promise<void> {
  for (let release = releases.pop(); release !== undefined; release = releases.pop()) {
    try {
      await release();
    } catch (error) {
      say.bad(`while clearing up: ${String(error)}`);
      process.exitCode = 1;
    }
  }
}

/** The programs get nothing of the caller's AWS setting, and no proxy for loopback. */
function childEnvironment(): Readonly<Record<string, string | undefined>> {
  const foreign = /^(?:AWS_|IAM_|NOTIFY_SOCKET$|CREDENTIALS_DIRECTORY$)/;
  const kept = Object.entries(process.env).filter(
    ([name]) => !foreign.test(name) && !/^(?:https?|all)_proxy$/i.test(name),
  );
  return Object.fromEntries(kept);
}

/** For --iam-endpoint: what that server accepts, else anything. */
function ownKeys(): { accessKeyId: string; secretAccessKey: string } {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = process.env;
  return accessKeyId !== undefined && secretAccessKey !== undefined ? { accessKeyId, secretAccessKey } : makeKeys();
}

function optionsOf(argv: readonly string[]): Options | string {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { 'iam-endpoint': { type: 'string' }, stay: { type: 'boolean' }, help: { type: 'boolean' } },
    });
    if (values.help === true) return usage;
    const endpoint = values['iam-endpoint'] ?? null;
    if (endpoint === null) return { endpoint, stay: values.stay ?? false };
    const url = URL.parse(endpoint);
    if (url === null || !/^https?:$/.test(url.protocol)) return `--iam-endpoint: expected a URL, found ${endpoint}\n`;
    if (/(?:^|\.)(?:amazonaws|api\.aws)(?:\.|$)/.test(url.hostname))
      return '--iam-endpoint: this is AWS itself; the demo makes and removes users, so it runs on test servers only\n';
    return { endpoint: url.href.replace(/\/$/, ''), stay: values.stay ?? false };
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n\n${usage}`;
  }
}
