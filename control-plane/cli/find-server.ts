// Which control plane a command talks to, and with which token: `--data-dir` on its own host, or `--url` and a token. The token is never an
// argument (other users can read those), and never travels in clear text to another host.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { type Failure, failure, isFailure } from '../../terminal/fail.ts';
import type { Terminal } from '../../terminal/terminal.ts';

export interface Server {
  /** Without a slash at the end. */
  readonly url: string;
  readonly token: string;
}

export interface ServerOptions {
  readonly dataDir?: string;
  readonly url?: string;
  readonly tokenFile?: string;
}

const tokenVariable = 'IAM_CONTROL_PLANE_TOKEN';
const maxFileBytes = 16 * 1024;
const how = `give --data-dir DIR on the control plane's host, or --url URL with --token-file FILE or ${tokenVariable}`;

/** The options by which every command but `serve` finds its server. */
export function withServerOptions(command: Command): Command {
  return command
    .option('--data-dir <dir>', 'data directory of the control plane on this host')
    .option('--url <url>', 'address of the control plane, for example https://soar.example.com')
    .option('--token-file <file>', `file with the API token (otherwise ${tokenVariable})`);
}

export async function findServer(options: ServerOptions, env: Terminal['env']): Promise<Server | Failure> {
  if (options.dataDir !== undefined) {
    if (options.url !== undefined || options.tokenFile !== undefined)
      return failure('usage', 'usage', '--data-dir does not go with --url or --token-file', how);
    return serverOfDataDir(options.dataDir);
  }
  if (options.url === undefined) return failure('usage', 'usage', 'which control plane is not said', how);
  const url = checkedUrl(options.url);
  if (isFailure(url)) return url;
  const given = options.tokenFile === undefined ? env[tokenVariable] : await readSecret(options.tokenFile);
  if (isFailure(given)) return given;
  return serverWith(url, given ?? '', options.tokenFile ?? tokenVariable);
}

async function serverOfDataDir(directory: string): Promise<Server | Failure> {
  const help = `is 'iam-control-plane serve --data-dir ${directory}' running, and may you read the directory?`;
  const endpoint = await readSmall(join(directory, 'endpoint'), help);
  if (isFailure(endpoint)) return endpoint;
  const url = checkedUrl(endpoint.trim());
  if (isFailure(url)) return url;
  const file = join(directory, 'admin-token');
  const token = await readSecret(file, help);
  return isFailure(token) ? token : serverWith(url, token, file);
}

function serverWith(url: string, given: string, source: string): Server | Failure {
  const token = given.trim();
  if (token === '') return failure('usage', 'unauthorized', `there is no API token in ${source}`, how);
  if (!/^[\x21-\x7e]+$/.test(token))
    return failure(
      'usage',
      'unauthorized',
      `what ${source} holds is no API token`,
      'it is one word of ASCII characters',
    );
  return { url, token };
}

function checkedUrl(given: string): string | Failure {
  const url = URL.parse(given);
  const help = 'for example https://soar.example.com';
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    return failure('usage', 'usage', `expected an http or https address, found '${given}'`, help);
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    return failure('usage', 'usage', 'the address has a user name, a query or a fragment', help);
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    return failure('usage', 'usage', `http to ${url.host} would send the token in clear text`, 'use https');
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

async function readSecret(path: string, help?: string): Promise<string | Failure> {
  return readSmall(path, help, (mode) =>
    failure('permission', 'secret_file_exposed', `others can read ${path} (mode ${mode})`, `chmod 600 ${path}`),
  );
}

/** @param exposed makes the failure of a plain file that others can read; pipes and such have no meaningful mode */
async function readSmall(path: string, help?: string, exposed?: (mode: string) => Failure): Promise<string | Failure> {
  try {
    await using file = await open(path, 'r');
    const stats = await file.stat();
    if (exposed !== undefined && stats.isFile() && (stats.mode & 0o007) !== 0)
      return exposed((stats.mode & 0o777).toString(8).padStart(4, '0'));
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxFileBytes), 0, maxFileBytes, null);
    return buffer.toString('utf8', 0, bytesRead);
  } catch (error) {
    return failure(
      'io',
      'file_unreadable',
      `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      help,
    );
  }
}
