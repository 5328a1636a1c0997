// `iam-agent pair`: enrols this host. The code never leaves it: the control plane gets a proof that it is known here, and nothing of the
// answer is trusted before the root key has the fingerprint that the operator was given.
import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { isRefusal, type Refusal } from '../../protocol/error-codes.ts';
import { controlPlaneId, keyIdSchema } from '../../protocol/ids.ts';
import { codeId, codeKey, keyId, normaliseCode, pairingProof, verifyPairing } from '../../protocol/pairing.ts';
import { safeParse } from '../../protocol/safe-parse.ts';
import type { ExitCode } from '../../terminal/exit-codes.ts';
import { failure, type Failure, isFailure, refusalFailure } from '../../terminal/fail.ts';
import { action } from '../../terminal/program.ts';
import type { Terminal } from '../../terminal/terminal.ts';
import type { AgentConfig } from '../config/load-config.ts';
import { nodeHashing } from '../../node/hashing.ts';
import { isPaired, loadStateKey, pendingKey, retireIdentity, saveIdentity } from '../io/identity-file.ts';
import { askToPair } from '../io/pair-http.ts';
import { ask } from '../io/prompt.ts';
import { acquireStateLock } from '../io/state-lock.ts';
import { stateFailure } from './state-failure.ts';
import { configOf, configOption } from './with-config.ts';

interface PairOptions {
  readonly codeFile?: string;
  readonly fingerprint?: string;
  readonly again?: boolean;
}

export function pairCommand(terminal: Terminal): Command {
  const command = new Command('pair')
    .description('enrol this host at its control plane')
    .argument('[url]', "the control plane's address; must be the one in the configuration")
    .option('--code-file <file>', "file with the one-time code, '-' for standard input (default: it is asked for)")
    .option('--fingerprint <fingerprint>', "fingerprint of the control plane's root key (default: it is asked for)")
    .option('--again', 'pair anew: the present identity is set aside and its unfinished jobs stay with it')
    .addHelpText(
      'after',
      '\nThe code is shown once by `iam-control-plane agents add NAME`. It is never taken from the command line,\n' +
        'because every user of this host can read that.\n\nExample:\n  iam-agent pair https://soar.example.com',
    );
  return configOption(command).action(
    action(terminal, (url: string | undefined, options: PairOptions) => pair(command, terminal, url, options)),
  );
}

async function pair(
  command: Command,
  terminal: Terminal,
  url: string | undefined,
  options: PairOptions,
): Promise<ExitCode | Failure> {
  // The credentials of connections may exist only inside the service (LoadCredential=), so pairing does not look at them.
  const config = await configOf(command, terminal, { connections: false });
  if (isFailure(config)) return config;
  const configured = config.controlPlane.url;
  if (url !== undefined && !sameAddress(url, configured)) {
    const detail = `expected the address of the configuration, ${configured}, found ${url}`;
    return failure(
      'configuration',
      'configuration_invalid',
      detail,
      `change control_plane.url in ${config.file}, or the command`,
    );
  }
  const lock = await acquireStateLock(config.stateDir);
  if (isRefusal(lock)) return refusalFailure(lock, 'temporary', 'stop the agent (systemctl stop iam-agent), then pair');
  try {
    if (isPaired(config.stateDir) && options.again !== true) {
      const detail = `this host is paired already (${config.stateDir})`;
      return failure('permission', 'pairing_code_used', detail, 'use --again to set the identity aside and pair anew');
    }
    const said = await codeAndFingerprint(terminal, options);
    return isFailure(said) ? said : await enrol(terminal, config, said);
  } catch (error) {
    return stateFailure(error);
  } finally {
    lock.release();
  }
}

async function enrol(
  terminal: Terminal,
  config: AgentConfig,
  said: { code: string; fingerprint: string },
): Promise<ExitCode | Failure> {
  const { stateDir, controlPlane } = config;
  const fingerprint = safeParse(keyIdSchema, said.fingerprint).data;
  if (fingerprint === undefined) {
    const detail = `expected a fingerprint of 43 characters (A-Z, a-z, 0-9, - and _), found ${said.fingerprint.length} characters`;
    return failure(
      'bad_data',
      'fingerprint_mismatch',
      detail,
      'copy it from the output of `iam-control-plane agents add`',
    );
  }
  const stateKey = await loadStateKey(stateDir, terminal.env.CREDENTIALS_DIRECTORY);
  const privateKey = await pendingKey(stateDir, stateKey);
  const { d: _secret, ...key } = privateKey;
  const agentKey = await keyId(key);
  const secret = codeKey(nodeHashing, said.code);
  const proof = pairingProof(nodeHashing, secret, agentKey, fingerprint);
  const answer = await askToPair(controlPlane.url, { key, code_id: codeId(nodeHashing, secret), proof }, controlPlane);
  if (isRefusal(answer)) return pairFailure(answer);
  const trusted = await verifyPairing(answer, { fingerprint, agentKey });
  if (isRefusal(trusted)) return pairFailure(trusted);
  if (isPaired(stateDir)) await retireIdentity(stateDir, new Date().toISOString().replaceAll(':', ''));
  const identity = {
    agent: trusted.agent,
    agent_key: agentKey,
    control_plane: controlPlaneId(fingerprint),
    key_set: trusted.keySet,
    privateKey,
  };
  await saveIdentity(stateDir, identity, stateKey);
  terminal.stderr.write(
    `Paired as ${trusted.agent} with ${controlPlane.url}.\nNext: systemctl enable --now iam-agent\n`,
  );
  return 'ok';
}

async function codeAndFingerprint(
  terminal: Terminal,
  options: PairOptions,
): Promise<{ code: string; fingerprint: string } | Failure> {
  const needsPrompt = options.codeFile === undefined || options.fingerprint === undefined;
  if (needsPrompt && !('isTTY' in terminal.stdin && terminal.stdin.isTTY === true)) {
    const detail = 'expected --code-file and --fingerprint, because there is no terminal to ask on';
    return failure('usage', 'usage', detail, 'use --code-file - to give the code on standard input');
  }
  const code = await readCode(terminal, options.codeFile);
  if (isFailure(code)) return code;
  if (normaliseCode(code).length < 20) {
    return failure('bad_data', 'pairing_code_invalid', 'the pairing code is too short to be one', 'copy it as a whole');
  }
  const fingerprint = options.fingerprint ?? (await ask(terminal, 'Fingerprint: ', { secret: false }));
  return { code, fingerprint: fingerprint.trim() };
}

async function readCode(terminal: Terminal, file: string | undefined): Promise<string | Failure> {
  if (file === undefined) return ask(terminal, 'Pairing code (not shown): ', { secret: true });
  if (file === '-') {
    let text = '';
    for await (const chunk of terminal.stdin) if ((text += String(chunk)).length > 1_000) break;
    return text.trim();
  }
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    return failure('io', 'file_unreadable', `the code file ${file} cannot be read (${reason})`);
  }
}

function pairFailure(refusal: Refusal): Failure {
  if (refusal.code === 'pairing_unreachable') return refusalFailure(refusal, 'unavailable');
  return refusalFailure(refusal, 'permission', 'ask for a new code: `iam-control-plane agents code NAME`');
}

function sameAddress(one: string, other: string): boolean {
  const normal = (text: string): string | null => (URL.canParse(text) ? new URL(text).href.replace(/\/$/, '') : null);
  return normal(one) !== null && normal(one) === normal(other);
}
