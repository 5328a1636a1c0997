// One real moto server (an in-memory AWS in Python) on a port of its own. It ends when its standard input closes, so it cannot outlive us.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { pythonPath } from './python.ts';

const program = `
import logging, sys
logging.getLogger('werkzeug').setLevel(logging.ERROR)
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
server.start()
print('http://%s:%s' % server.get_host_and_port(), flush=True)
sys.stdin.read()
`;
const startWithinMs = 20_000;

export interface Moto {
  readonly url: string;
  /** Forgets every user, key and policy. */
  reset(): Promise<void>;
  /** From now on no key is known, so that every call is refused. */
  refuseAll(): Promise<void>;
  stop(): Promise<void>;
}

export async function startMoto(): Promise<Moto> {
  const child = spawn(pythonPath(), ['-c', program], { stdio: ['pipe', 'pipe', 'ignore'] });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  const lines = createInterface({ input: child.stdout });
  try {
    const [url] = (await Promise.race([
      once(lines, 'line', { signal: AbortSignal.timeout(startWithinMs) }),
      once(child, 'exit').then(() => Promise.reject(new Error('moto ended before it listened'))),
    ])) as [string];
    const tell = async (path: string, body = ''): Promise<void> => {
      const signal = AbortSignal.timeout(startWithinMs);
      const answer = await fetch(`${url}/moto-api/${path}`, { method: 'POST', body, signal });
      if (!answer.ok) throw new Error(`moto did not take ${path}: ${answer.status}`);
    };
    const reset = async (): Promise<void> => await tell('reset');
    // The number of requests that are let through before keys are looked at.
    const refuseAll = async (): Promise<void> => await tell('reset-auth', '0');
    return { url, reset, refuseAll, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
