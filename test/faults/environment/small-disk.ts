// A directory on a small disk of its own that can fill up and turn read-only, in a mount namespace of its own, so that nothing of it is seen outside and
// all of it goes with the process that holds it. Needs the right to mount: root, or a kernel that lets users make namespaces. Where that is not given
// the tests that need it fail and say so; they are never passed over.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type DiskKind =
  /** tmpfs: full is full, and it is as fast as memory. */
  | 'tmpfs'
  /** ext4 in a file, on a loop device: turns read-only under open files, as a real one does after an error. Root only. */
  | 'ext4';

/** Where Debian has what makes and mends file systems; not everybody's path leads there. */
const withSbin = 'PATH=$PATH:/usr/sbin:/sbin; ';

export class SmallDisk {
  readonly directory: string;
  readonly #holder: ChildProcess;
  readonly #asRoot: boolean;

  private constructor(directory: string, holder: ChildProcess, asRoot: boolean) {
    this.directory = directory;
    this.#holder = holder;
    this.#asRoot = asRoot;
  }

  /** Puts a disk of `kib` KiB over `directory`, with what the directory holds on it. */
  static async over(directory: string, kind: DiskKind, kib: number): Promise<SmallDisk> {
    const asRoot = process.getuid?.() === 0;
    const image = `${directory}.image`;
    const mount =
      kind === 'tmpfs'
        ? `mount -t tmpfs -o size=${kib}k,mode=0700 tmpfs "$1"`
        : `truncate -s ${kib}K "$2"; mkfs.ext4 -q -m 0 "$2"; mount -o loop,errors=remount-ro "$2" "$1"; rm -r "$1/lost+found"; chmod 700 "$1"`;
    const script = `${withSbin}set -e; saved=$(mktemp -d); cp -a "$1/." "$saved"; ${mount}; cp -a "$saved/." "$1"; rm -r "$saved"; sync -f "$1"; echo mounted; read -r _`;
    const space = asRoot ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
    const holder = spawn(
      'unshare',
      [...space, '--propagation', 'private', 'sh', '-c', script, 'sh', directory, image],
      {
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    );
    let said = '';
    holder.stderr?.on('data', (text: Buffer) => (said += text.toString()));
    const failed = once(holder, 'close').then(() => 'closed' as const);
    const first = await Promise.race([once(holder.stdout ?? holder, 'data'), failed]);
    if (first === 'closed')
      throw new Error(`this test mounts ${kind} in a namespace of its own, which was refused here: ${said.trim()}`);
    return new SmallDisk(directory, holder, asRoot);
  }

  /** Runs another command where the disk is, in the same process. */
  get within(): readonly string[] {
    const user = this.#asRoot ? [] : ['--user', '--preserve-credentials'];
    return ['nsenter', '--target', String(this.#holder.pid), ...user, '--mount', '--'];
  }

  async shell(script: string, ...args: readonly string[]): Promise<string> {
    const [command = '', ...before] = this.within;
    return (await run(command, [...before, 'sh', '-c', withSbin + script, 'sh', this.directory, ...args])).stdout;
  }

  /** Takes all room but for `leftKib` KiB; what runs may take more of it. */
  async fill(leftKib = 0): Promise<void> {
    const free = Number((await this.shell('df --output=avail -k "$1" | tail -n 1')).trim());
    await this.shell('head -c "${2}K" /dev/zero > "$1/ballast" || true', String(Math.max(free - leftKib, 0)));
  }

  async free(): Promise<void> {
    await this.shell('rm -f "$1/ballast"');
  }

  /** ext4: what the kernel does after an error on the disk, under open files. */
  async breakDown(): Promise<void> {
    await this.shell(
      'device=$(basename "$(findmnt -n -o SOURCE "$1")"); echo broken > "/sys/fs/ext4/$device/trigger_fs_error"',
    );
  }

  async remount(how: 'ro' | 'rw'): Promise<void> {
    await this.shell('mount -o "remount,bind,$2" "$1"', how);
  }

  /** ext4 that broke down: unmounts, mends and mounts it. Nothing may hold a file of it. */
  async repair(): Promise<void> {
    await this.shell(
      'device=$(findmnt -n -o SOURCE "$1"); umount "$1"; fsck.ext4 -p "$1.image" >&2 || true; mount -o loop,errors=remount-ro "$1.image" "$1"',
    );
  }

  async dispose(): Promise<void> {
    const { exitCode, signalCode } = this.#holder;
    if (exitCode !== null || signalCode !== null) return;
    const closed = once(this.#holder, 'close');
    this.#holder.stdin?.end();
    this.#holder.kill('SIGKILL');
    await closed;
  }
}
