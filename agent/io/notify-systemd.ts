// Tells systemd that the daemon is ready, stopping or alive. Node has no datagram sockets of the unix kind, so it writes to a descriptor that
// systemd (253 and later) opened for it, else it runs the systemd-notify helper, else it stays silent. It must never stop the daemon.
import { fstatSync, writeSync } from 'node:fs';
import { pid } from 'node:process';

type NotifyState = 'ready' | 'stopping' | 'status' | 'watchdog';

export interface Notify {
  readonly kind: 'descriptor' | 'helper' | 'none';
  /** How often systemd wants a watchdog ping at the latest, or null when the unit has no watchdog. Ping at half of it. */
  readonly watchdogMs: number | null;
  ready(): void;
  stopping(): void;
  /** One line for `systemctl status`. */
  status(text: string): void;
  watchdog(): void;
  /** Waits for helpers that are still running. */
  close(): Promise<void>;
}

export interface NotifyOptions {
  /** Called when a state could not be handed over. */
  readonly onFailure?: (state: NotifyState) => void;
}

const firstListenFd = 3;
const helperTimeoutMs = 5_000;

type Environment = Readonly<Record<string, string | undefined>>;

export function openNotify(env: Environment, options: NotifyOptions = {}): Notify {
  const fail = options.onFailure ?? ((): void => {});
  const descriptor = notifyDescriptor(env);
  const channel =
    descriptor !== null ? toDescriptor(descriptor, fail) : env['NOTIFY_SOCKET'] ? toHelper(env, fail) : toNobody;
  return {
    kind: channel.kind,
    watchdogMs: channel.kind === 'none' ? null : watchdogMs(env),
    ready: () => channel.send('ready', 'READY=1'),
    stopping: () => channel.send('stopping', 'STOPPING=1'),
    status: (text) => channel.send('status', `STATUS=${text.replaceAll(/\p{Cc}+/gu, ' ').slice(0, 200)}`),
    watchdog: () => channel.send('watchdog', 'WATCHDOG=1'),
    close: () => channel.close(),
  };
}

interface Channel {
  readonly kind: Notify['kind'];
  send(state: NotifyState, line: string): void;
  close(): Promise<void>;
}

const toNobody: Channel = { kind: 'none', send: () => {}, close: () => Promise.resolve() };

function toDescriptor(descriptor: number, fail: (state: NotifyState) => void): Channel {
  return {
    kind: 'descriptor',
    send(state, line) {
      try {
        writeSync(descriptor, line);
      } catch {
        fail(state);
      }
    },
    close: () => Promise.resolve(),
  };
}

// The helper gets NOTIFY_SOCKET and PATH only: no child ever sees the rest of the daemon's environment.
function toHelper(env: Environment, fail: (state: NotifyState) => void): Channel {
  // Loaded only where it is needed: a newer systemd opens the descriptor.
  const { execFile } = process.getBuiltinModule('node:child_process');
  const childEnv = { NOTIFY_SOCKET: env['NOTIFY_SOCKET'], PATH: env['PATH'] ?? '/usr/bin:/bin' };
  const underWay = new Set<Promise<void>>();
  return {
    kind: 'helper',
    send(state, line) {
      const run = new Promise<void>((resolve) => {
        execFile('systemd-notify', [`--pid=${pid}`, line], { env: childEnv, timeout: helperTimeoutMs }, (error) => {
          if (error !== null) fail(state);
          resolve();
        });
      });
      underWay.add(run);
      void run.finally(() => underWay.delete(run));
    },
    async close() {
      await Promise.all(underWay);
    },
  };
}

/** The descriptor that `OpenFile=…:notify` gave this process, or null. */
function notifyDescriptor(env: Environment): number | null {
  if (env['LISTEN_PID'] !== String(pid)) return null;
  const names = (env['LISTEN_FDNAMES'] ?? '').split(':');
  const index = names.indexOf('notify');
  const count = Number(env['LISTEN_FDS'] ?? '0');
  if (index < 0 || !(index < count)) return null;
  try {
    return fstatSync(firstListenFd + index).isSocket() ? firstListenFd + index : null;
  } catch {
    return null;
  }
}

function watchdogMs(env: Environment): number | null {
  const forUs = env['WATCHDOG_PID'] === undefined || env['WATCHDOG_PID'] === String(pid);
  const microseconds = Number(env['WATCHDOG_USEC']);
  return forUs && Number.isSafeInteger(microseconds) && microseconds > 0 ? microseconds / 1_000 : null;
}
