// Many idle agents in one process: bare ws clients with tokens of their own, signed before the clock runs. Reads one word a line: `prepare`
// signs, `connect` dials all of them at once and waits for every welcome, `drop` cuts all links. Answers each with one line of JSON.
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import { subprotocol } from '../../protocol/version.ts';
import { type BenchIdentity, helloFrame, sessionToken } from '../measure/identities.ts';

const [url = '', file = '', first = '0', count = '0'] = process.argv.slice(2);
const identities = (JSON.parse(readFileSync(file, 'utf8')) as BenchIdentity[]).slice(
  Number(first),
  Number(first) + Number(count),
);
let counter = 0;
let tokens: string[] = [];
let sockets: WebSocket[] = [];

/** Resolves at the welcome. A dial that fails fails the whole figure. */
function connected(token: string): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, [subprotocol], {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
    });
    socket.once('open', () => socket.send(helloFrame(counter)));
    socket.once('message', () => resolve(socket));
    socket.once('error', reject);
  });
}

async function answer(word: string): Promise<object> {
  const started = performance.now();
  if (word === 'prepare') {
    counter += 1;
    tokens = await Promise.all(identities.map((identity) => sessionToken(identity, counter)));
  } else if (word === 'connect') sockets = await Promise.all(tokens.map(connected));
  else if (word === 'drop') for (const socket of sockets) socket.terminate();
  return { seconds: (performance.now() - started) / 1_000 };
}

for await (const word of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(await answer(word))}\n`);
