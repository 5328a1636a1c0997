// Secret files: keys, credentials, password reference values. A file that group or others can reach is refused before a byte of it is
// read, and a write is either complete on disk or did not happen. No error of this file ever holds a file's content. Reading is synchronous: a
// few small local files, and a start that reads them without node:fs/promises has loaded a good deal less of Node.
import { randomBytes } from 'node:crypto';
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';

export const maxSecretFileBytes = 64 * 1024;

export type SecretFileFault = 'missing' | 'exposed' | 'unreadable' | 'not_a_file' | 'too_large' | 'empty' | 'malformed';

/** Why a secret file was not read. `message` says what was expected, found and what to do. */
export class SecretFileError extends Error {
  override readonly name = 'SecretFileError';
  readonly fault: SecretFileFault;
  readonly path: string;
  /** What was found at the path, without content. */
  readonly found: string;
  readonly remedy: string;
  constructor(fault: SecretFileFault, path: string, found: string, remedy: string) {
    super(`secret file ${path}: ${found}; ${remedy}`);
    this.fault = fault;
    this.path = path;
    this.found = found;
    this.remedy = remedy;
  }
}

export interface SecretFileOptions {
  /** Where systemd put this service's credentials; default: what systemd says in the environment. */
  readonly credentialsDirectory?: string | undefined;
}

/** Reads a secret as text; one line end at its end is dropped. @throws SecretFileError */
export async function readSecretFile(path: string, options: SecretFileOptions = {}): Promise<string> {
  const bytes = readChecked(path, options);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new SecretFileError('malformed', path, 'the file is not UTF-8 text', 'write the secret again as plain text');
  }
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') throw new SecretFileError('empty', path, 'the file is empty', 'write the secret into it');
  return secret;
}

/** A file's times may be as coarse as this: two changes within it can look like one. */
const coarsestTimeMs = 2000;

/**
 * Changes whenever the file does. Null: only reading tells, since the file cannot be looked at or changed a moment ago. Costs two
 * microseconds where reading costs eighty; not asynchronous, which would cost twenty.
 */
export function secretFileStamp(path: string, nowMs = Date.now()): string | null {
  let stats: BigIntStats;
  try {
    stats = statSync(path, { bigint: true });
  } catch {
    return null;
  }
  const changedAtMs = Math.max(Number(stats.mtimeMs), Number(stats.ctimeMs));
  if (nowMs - changedAtMs < coarsestTimeMs) return null;
  const { dev, ino, size, mtimeNs, ctimeNs } = stats;
  return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

/** Calls within so short a time share a look: each would cost a call of AWS more than its signature does. */
const sharedLookMs = 10;

/** `secretFileStamp` for all calls of a connection; a change is seen within 10 ms. */
export function sharedStamps(look = secretFileStamp, nowMs = () => performance.now()): (path: string) => string | null {
  const looks = new Map<string, { readonly atMs: number; readonly stamp: string | null }>();
  return (path) => {
    const now = nowMs();
    const last = looks.get(path);
    if (last !== undefined && now - last.atMs < sharedLookMs) return last.stamp;
    const stamp = look(path);
    looks.set(path, { atMs: now, stamp });
    return stamp;
  };
}

/** Reads a secret file that holds JSON; the caller validates what comes back. @throws SecretFileError */
export async function readJsonSecret(path: string, options: SecretFileOptions = {}): Promise<unknown> {
  const text = await readSecretFile(path, options);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The parser's own message quotes the text, so it is not passed on.
    throw new SecretFileError('malformed', path, 'the file is not JSON', 'restore it from a backup or make it anew');
  }
}

/** Says whether a secret file may be used, without reading it. */
export async function checkSecretFile(path: string, options: SecretFileOptions = {}): Promise<SecretFileError | null> {
  try {
    closeSync(openChecked(path, options));
    return null;
  } catch (error) {
    if (error instanceof SecretFileError) return error;
    throw error;
  }
}

/** Replaces the file as a whole, mode 0600: after a crash at any moment the old or the new content is there. */
export async function writeSecretFile(path: string, text: string): Promise<void> {
  const { open, rename, rm } = await import('node:fs/promises');
  const folder = dirname(path);
  const temporary = join(folder, `.${randomBytes(8).toString('hex')}.tmp`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.chmod(0o600);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  // The new name itself is durable only when the folder is.
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function readChecked(path: string, options: SecretFileOptions): Buffer {
  const file = openChecked(path, options);
  try {
    const buffer = Buffer.alloc(maxSecretFileBytes + 1);
    let length = 0;
    for (;;) {
      const bytesRead = readSync(file, buffer, length, buffer.length - length, null);
      length += bytesRead;
      if (length > maxSecretFileBytes) throw tooLarge(path);
      if (bytesRead === 0) return buffer.subarray(0, length);
    }
  } finally {
    closeSync(file);
  }
}

/** A descriptor. Mode and content come from one: nobody can swap the file between the check and the read. */
function openChecked(path: string, options: SecretFileOptions): number {
  let file: number;
  try {
    // Without O_NONBLOCK a FIFO in the place of the file would hang the start for ever.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw openFault(path, error instanceof Error && 'code' in error ? String(error.code) : undefined);
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new SecretFileError('not_a_file', path, 'it is no regular file', 'name a plain file');
    if (isExposed(path, stats, options)) throw exposed(path, stats.mode);
    if (stats.size > maxSecretFileBytes) throw tooLarge(path);
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/**
 * True when group or others have any right on the file. systemd gives its credential files to the service through an ACL on a file of root,
 * and an ACL's mask shows in the group bits: such a file is not exposed.
 */
function isExposed(path: string, stats: Stats, options: SecretFileOptions): boolean {
  if ((stats.mode & 0o077) === 0) return false;
  const folder =
    'credentialsDirectory' in options ? options.credentialsDirectory : process.env['CREDENTIALS_DIRECTORY'];
  const given = folder !== undefined && folder !== '' && resolve(path).startsWith(resolve(folder) + sep);
  return !(given && stats.uid === 0 && stats.gid === 0 && (stats.mode & 0o037) === 0);
}

function exposed(path: string, mode: number): SecretFileError {
  const shown = `0${(mode & 0o777).toString(8).padStart(3, '0')}`;
  return new SecretFileError(
    'exposed',
    path,
    `mode ${shown}, not for its owner only`,
    `run: chmod 600 ${quoted(path)}`,
  );
}

function tooLarge(path: string): SecretFileError {
  return new SecretFileError('too_large', path, `more than ${maxSecretFileBytes} bytes`, 'name the file of the secret');
}

function openFault(path: string, code: string | undefined): SecretFileError {
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new SecretFileError('missing', path, 'there is no such file', 'create it with mode 0600');
  const found = code === 'EACCES' ? 'no permission to read it' : `it cannot be opened (${code ?? 'unknown'})`;
  return new SecretFileError('unreadable', path, found, "make the agent's user its owner, with mode 0600");
}

function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
