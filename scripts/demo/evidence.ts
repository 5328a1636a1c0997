// Looks for a secret in files and in recorded traffic, in the forms in which a secret leaks: as it is, quoted for JSON or a URL, in base64,
// in hex. A search that finds nothing proves little, so the caller also looks for something that must be there.
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

export interface Searched {
  readonly places: number;
  readonly bytes: number;
  /** Names of the places in which it was found. */
  readonly found: readonly string[];
}

export interface Place {
  readonly name: string;
  readonly bytes: Buffer;
}

export async function filesUnder(folder: string): Promise<readonly Place[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(files.map(async (name) => ({ name, bytes: await readFile(name) })));
}

export function searchFor(secret: string, places: readonly Place[]): Searched {
  const forms = formsOf(secret);
  const holds = ({ bytes }: Place): boolean => forms.some((form) => bytes.includes(form));
  return {
    places: places.length,
    bytes: places.reduce((sum, { bytes }) => sum + bytes.length, 0),
    found: places.filter(holds).map(({ name }) => name),
  };
}

/** As the kernel writes it (include/net/tcp_states.h). */
const listenState = '0A';

/** How many sockets a process listens on; null where there is no /proc to look at. */
export async function listeners(pid: number): Promise<number | null> {
  try {
    const folder = `/proc/${pid}/fd`;
    const names = await Promise.all(
      (await readdir(folder)).map((fd) => readlink(join(folder, fd)).catch(() => 'closed meanwhile')),
    );
    const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8')));
    const columns = tables.flatMap((table) => table.split('\n').map((line) => line.trim().split(/\s+/)));
    const listening = columns.filter((column) => column[3] === listenState).map((column) => `socket:[${column[9]}]`);
    return listening.filter((socket) => names.includes(socket)).length;
  } catch {
    return null;
  }
}

/** Base64 of a text inside a larger one depends on where it starts: the part that does not is looked for, for each of the three places. */
function formsOf(secret: string): readonly string[] {
  const raw = Buffer.from(secret);
  const base64 = [0, 1, 2].flatMap((before) => {
    const start = before === 0 ? 0 : 4;
    const whole = Math.floor((before + raw.length) / 3) * 4;
    const text = Buffer.concat([Buffer.alloc(before), raw])
      .toString('base64')
      .slice(start, whole);
    return [text, text.replaceAll('+', '-').replaceAll('/', '_')];
  });
  const quoted = [JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), secret.replaceAll('/', '\\/')];
  const hex = raw.toString('hex');
  return [...new Set([secret, ...quoted, ...base64, hex, hex.toUpperCase()])];
}
