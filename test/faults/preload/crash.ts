// Loaded into a program before its own code (`node --import`): kills it with SIGKILL at one named point. Nothing in the programs knows of it.
// FAULTS_CRASH is `place:when:n`. Places: `commit` (a COMMIT of SQLite, or a write that commits by itself), `send` (a WebSocket message),
// `request` (an HTTP request leaves), `answer` (its answer has come). `n` counts from the start of the process.
import { subscribe } from 'node:diagnostics_channel';
import { writeSync } from 'node:fs';
import { ClientRequest } from 'node:http';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { WebSocket } from 'ws';
import { AnswerReader } from '../../../agent/io/http-answer.ts';
import { KeptConnections } from '../../../agent/io/kept-connections.ts';

const [place = '', when = '', nth = ''] = (process.env['FAULTS_CRASH'] ?? '').split(':');
let seen = 0;

function die(): never {
  writeSync(2, `\n{"fault":"killed ${when} ${place} ${nth}"}\n`);
  process.kill(process.pid, 'SIGKILL');
  // Nothing more of this process runs, however late the signal comes.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

/** Runs one step of the watched place. */
function pass<T>(step: () => T): T {
  seen += 1;
  const here = seen === Number(nth);
  if (here && when === 'before') die();
  const result = step();
  if (here && when === 'after') die();
  return result;
}

/** Puts `around` in the place of a method of a prototype. */
function wrap(
  prototype: object,
  name: string,
  around: (self: unknown, call: () => unknown, first: unknown) => unknown,
): void {
  const target = prototype as Record<string, (...values: unknown[]) => unknown>;
  const original = target[name];
  if (original === undefined) throw new Error(`there is no method ${name}`);
  target[name] = function wrapped(this: unknown, ...values: unknown[]): unknown {
    return around(this, () => original.apply(this, values), values[0]);
  };
}

const commits = /^\s*commit|;\s*commit\b/i;
const writes = /^\s*(?:insert|update|delete|replace)\b/i;

function watchCommits(): void {
  const databases = new WeakMap<object, DatabaseSync>();
  wrap(DatabaseSync.prototype, 'exec', (_self, call, sql) => (commits.test(String(sql)) ? pass(call) : call()));
  wrap(DatabaseSync.prototype, 'prepare', (self, call) => {
    const statement = call() as object;
    databases.set(statement, self as DatabaseSync);
    return statement;
  });
  for (const name of ['run', 'get', 'all']) {
    wrap(StatementSync.prototype, name, (self, call) => {
      const statement = self as StatementSync;
      const sql = statement.sourceSQL;
      const alone = writes.test(sql) && databases.get(statement)?.isTransaction === false;
      return commits.test(sql) || alone ? pass(call) : call();
    });
  }
}

switch (place) {
  case 'commit':
    watchCommits();
    break;
  case 'send':
    wrap(WebSocket.prototype, 'send', (_self, call) => pass(call));
    break;
  case 'request':
    // A change goes through node:http, what may be repeated over connections of the agent's own.
    wrap(ClientRequest.prototype, 'end', (_self, call) => pass(call));
    wrap(KeptConnections.prototype, 'exchange', (_self, call) => pass(call));
    break;
  case 'answer':
    subscribe('http.client.response.finish', () => pass(() => undefined));
    wrap(AnswerReader.prototype, 'push', (_self, call) => {
      const reading = call();
      return reading === 'done' ? pass(() => reading) : reading;
    });
    break;
  default:
    throw new Error(`FAULTS_CRASH names no place: ${place}`);
}
