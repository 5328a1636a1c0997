// Files of the data directory that hold a secret: mode 0600, written whole or not at all. A file that others can read is never used.
import { randomBytes } from 'node:crypto';
import { chmod, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Refusal, refuse } from '../protocol/error-codes.ts';

/** The file's text without its last line feed; null when there is no such file. */
export async function readSecretFile(path: string): Promise<string | Refusal | null> {
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (stats === null) return null;
  if (!stats.isFile()) return refuse('state_damaged', `expected ${path} to be a plain file; restore it from a backup`);
  if ((stats.mode & 0o077) !== 0) {
    const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
    return refuse('secret_file_exposed', `expected ${path} to have mode 0600, found ${mode}; run: chmod 600 ${path}`);
  }
  return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
}

/** After a crash at any moment the old or the new content is there. */
export async function writeSecretFile(path: string, text: string): Promise<void> {
  await writeWhole(path, text, 0o600);
}

/** The same for a file that is no secret. */
export async function writePublicFile(path: string, text: string): Promise<void> {
  await writeWhole(path, text, 0o644);
}

async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await using file = await open(temporary, 'wx', mode);
    await file.writeFile(`${text}\n`);
    await file.sync();
    await chmod(temporary, mode);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  // The new name is durable only when its folder is.
  await using folder = await open(dirname(path), 'r');
  await folder.sync();
}
