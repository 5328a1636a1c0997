// Sets the stage, tells the story, and clears everything away: on success, on failure, and on Ctrl-C or SIGTERM.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Account, pythonWithMoto, startMoto } from './account.ts';
import { DemoError, Processes } from './processes.ts';
import { Releases } from './releases.ts';
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

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const settleWithinMs = 10_000;

/** Returns the exit status. */
export async function runDemo(argv: readonly string[]): Promise<number> {
  const options = optionsOf(argv);
  if (typeof options === 'string') {
    process.stderr.write(options);
    return argv.includes('--help') ? 0 : 2;
  }
  const stopped = Promise.withResolvers<NodeJS.Signals>();
  // More signals while it clears up change nothing: that takes seconds, and leaving half-way is what it is there to prevent.
  for (const signal of signals) process.on(signal, stopped.resolve);
  // Nobody reads on (`| head`): as good as a closed terminal.
  process.stdout.on('error', () => stopped.resolve('SIGHUP'));
  try {
    return await play(options, new Say(process.stdout, process.env), stopped.promise);
  } finally {
    for (const signal of signals) process.off(signal, stopped.resolve);
  }
}

async function play(options: Options, say: Say, stopped: Promise<NodeJS.Signals>): Promise<number> {
  const startedMs = performance.now();
  const releases = new Releases();
  const processes = new Processes();
  const told = tell(say, options, { releases, processes });
  const ended = await Promise.race([told.then(() => null, reasonOf), stopped]);
  if (ended === null && options.stay) {
    say.note('Everything keeps running. Ctrl-C stops it and removes the folder.');
    await stopped;
  }
  const lastWords = ended === null || isSignal(ended) ? '' : processes.lastWords();
  // Without programs the story comes to an end soon; before that its folder would come back after it was removed.
  await processes.close();
  await Promise.race([told.catch(() => undefined), delay(settleWithinMs, undefined, { ref: false })]);
  const left = await releases.close();
  for (const failure of left) say.bad(`while clearing up: ${failure}`);
  if (ended !== null) {
    say.line(lastWords);
    say.bad(isSignal(ended) ? `stopped by ${ended}` : ended);
    return ended === 'SIGINT' ? 130 : isSignal(ended) ? 143 : 1;
  }
  if (left.length > 0) return 1;
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  say.good(`as expected, in ${seconds} s; nothing is left running, and the folder is removed`);
  return 0;
}

function isSignal(text: string): text is (typeof signals)[number] {
  return signals.some((signal) => signal === text);
}

function reasonOf(error: unknown): string {
  if (error instanceof DemoError) return error.message;
  return `a fault in the demo: ${error instanceof Error ? error.stack : String(error)}`;
}

interface Taken {
  readonly releases: Releases;
  readonly processes: Processes;
}

/** Resolves when all of it was as expected. */
async function tell(say: Say, { endpoint }: Options, { releases, processes }: Taken): Promise<void> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const folder = await mkdtemp(join(tmpdir(), 'iam-agent-demo-'));
  await releases.add(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const tap = await WireTap.open();
  await releases.add(() => tap.close());
  const env = childEnvironment();
  const keys = endpoint === null ? makeKeys() : ownKeys();

  say.title('iam-agent: a demo with a real agent and a real control plane on this machine');
  say.note('Commands are shown as you would type them in this checkout; first:');
  say.command([], { after: `DEMO=${shellWord(folder)}` });

  say.step('An AWS account to play with: three users with an access key each, and a policy');
  const url = endpoint ?? (await motoOf(say, processes, { root, folder, env }));
  const account = new Account(url, keys);
  await releases.add(() => account.close());
  if (endpoint !== null) await releases.add(() => account.remove());
  await account.prepare(people);
  say.good(
    `${endpoint === null ? 'moto, an IAM server in memory,' : 'your server'} at ${url} has ${people.join(', ')}`,
  );
  say.note('The demo made them itself, with the AWS SDK; nothing of it went through the agent.');

  const stage = new Stage({ root, folder, processes, tap, say, env });
  const parts: StoryParts = { stage, say, tap, account, endpoint: url, hostSecret: keys.secretAccessKey };
  await controlPlane(parts);
  await host(parts, keys.accessKeyId);
  const counted = await rotation(parts);
  await secrecy(parts);
  await summary(parts, counted);
  say.line();
}

function motoOf(
  say: Say,
  processes: Processes,
  { root, folder, env }: { root: string; folder: string; env: NodeJS.ProcessEnv },
): Promise<string> {
  const python = pythonWithMoto(root, (text) => say.note(text));
  return startMoto(processes, python, { folder, cwd: root, env });
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
