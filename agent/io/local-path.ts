// Where the local socket is: `agent.sock` in the state directory, so whoever may use that directory may use it, and nobody else. The kernel takes
// at most 107 bytes for its path; a longer one is reached through an open descriptor of the directory, where the system has such paths.
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { refuse, type Refusal } from '../../protocol/error-codes.ts';

const socketName = 'agent.sock';
const maxPathBytes = 107;

export interface SocketPath {
  readonly kind: 'socket_path';
  /** Good until `close`. */
  readonly path: string;
  close(): void;
}

/** @throws the file system's error when the directory cannot be opened. */
export function socketPath(directory: string): SocketPath | Refusal {
  const path = join(directory, socketName);
  if (Buffer.byteLength(path) <= maxPathBytes) return { kind: 'socket_path', path, close: () => undefined };
  if (!existsSync('/proc/self/fd'))
    return refuse(
      'configuration_invalid',
      `expected ${path} to have at most ${maxPathBytes} bytes, found ${Buffer.byteLength(path)}; choose a shorter state_dir`,
    );
  const handle = openSync(directory, 'r');
  let open = true;
  return {
    kind: 'socket_path',
    path: `/proc/self/fd/${handle}/${socketName}`,
    close: () => {
      if (open) closeSync(handle);
      open = false;
    },
  };
}
