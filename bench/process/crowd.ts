// Many idle agents in one process: bare ws clients with tokens of their own, signed before the clock runs. Reads one word a line: `prepare`
// signs, `connect` dials all of them at once and waits for every welcome, `drop` cuts all links. Answers each with one line of JSON.
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { subprotocol } from '../../protocol/version.ts';
import { type BenchIdentity, helloFrame, sessionToken } from '../measure/identities.ts';

const redialMs = 1_000;
/** As an agent: a dial that nobody answers is made again. */
const handshakeTimeoutMs = 20_000;
const [url = '', file = '', first = '0', count = '0'] = process.argv.slice(2);
const identities = (JSON.parse(readFileSync(file, 'utf8')) as readonly BenchIdentity[]).slice(
  Number(first),
  Number(first) + Number(count),
);
/** The next dial of each: its counter and the token for it. */
let dials: { counter: number; token: string }[] = identities.map(() => ({ counter: 0, token: '' }));
let sockets: WebSocket[] = [];
let redials = 0;

function dial({ counter, token }: { counter: number; token: string }): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, [subprotocol], {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
      handshakeTimeout: handshakeTimeoutMs,
    });
    socket.once('open', () => socket.send(helloFrame(counter)));
    socket.once('message', () => resolve(socket));
    socket.once('close', () => reject(new Error('closed before the welcome')));
    socket.on('error', reject);
  });
}

async function prepared(identity: BenchIdentity, counter: number): Promise<{ counter: number; token: string }> {
  return { counter, token: await sessionToken(identity, counter) };
}

/** Resolves at the welcome. A dial that fails is made again after a random wait with a new token, as an agent does it. */
async function connected(identity: BenchIdentity, index: number): Promise<WebSocket> {
  let next = dials[index] ?? (await prepared(identity, 1));
  for (;;) {
    try {
      return await dial(next);
    } catch {
      redials += 1;
      await delay(Math.random() * redialMs);
      next = await prepared(identity, next.counter + 1);
      dials[index] = next;
    }
  }
}

async function answer(word: string): Promise<object> {
  const started = performance.now();
  if (word === 'prepare')
    dials = await Promise.all(dials.map((last, index) => prepared(identityAt(index), last.counter + 1)));
  else if (word === 'connect') sockets = await Promise.all(identities.map(connected));
  else if (word === 'drop') for (const socket of sockets) socket.terminate();
  const seconds = (performance.now() - started) / 1_000;
  return { seconds, redials, open: sockets.filter(({ readyState }) => readyState === WebSocket.OPEN).length };
}

function identityAt(index: number): BenchIdentity {
  const identity = identities[index];
  if (identity === undefined) throw new Error('no such identity');
  return identity;
}

for await (const word of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(await answer(word))}\n`);
// The input's end is the end of whoever started it.
process.exit();
