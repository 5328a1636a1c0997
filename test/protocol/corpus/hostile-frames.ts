// Messages that a hostile or broken far end could send, each with what the codec must make of it.
import type { ErrorCode } from '../../../protocol/error-codes.ts';
import { limits } from '../../../protocol/limits.ts';

export interface HostileFrame {
  readonly name: string;
  /** Who reads it. */
  readonly reader: 'agent' | 'control_plane';
  readonly text: string;
  readonly expected: ErrorCode | 'unknown_type' | 'frame';
}

const id = '0197fb4c-6f6e-7000-8000-000000000001';
const digest = 'a'.repeat(64);
const ack = { type: 'results.ack', job: id, sequence: 1, head: digest };

const toAgent = (
  name: string,
  text: string | object,
  expected: HostileFrame['expected'] = 'frame_malformed',
): HostileFrame => ({
  name,
  reader: 'agent',
  text: typeof text === 'string' ? text : JSON.stringify(text),
  expected,
});
const toControlPlane = (
  name: string,
  text: string | object,
  expected: HostileFrame['expected'] = 'frame_malformed',
): HostileFrame => ({
  ...toAgent(name, text, expected),
  reader: 'control_plane',
});

export const hostileFrames: readonly HostileFrame[] = [
  toAgent('empty', ''),
  toAgent('blank', '   '),
  toAgent('not JSON', 'hello'),
  toAgent('HTML', '<html><body>502 Bad Gateway</body></html>'),
  toAgent('array', '[{"type":"cancel"}]'),
  toAgent('null', 'null'),
  toAgent('number', '7'),
  toAgent('text', '"cancel"'),
  toAgent('no type', { job: id }),
  toAgent('type is a number', { type: 1 }),
  toAgent('type is null', { type: null }),
  toAgent('type is an object with toString', { type: { toString: 'cancel' } }),
  toAgent('type is empty', { type: '' }, 'unknown_type'),
  toAgent('type constructor', { type: 'constructor' }, 'unknown_type'),
  toAgent('type __proto__', { type: '__proto__' }, 'unknown_type'),
  toAgent('type toString', { type: 'toString' }, 'unknown_type'),
  toAgent('type hasOwnProperty', { type: 'hasOwnProperty' }, 'unknown_type'),
  toAgent('type of the other direction', { type: 'hello' }, 'unknown_type'),
  toAgent('type in upper case', { type: 'CANCEL', job: id }, 'unknown_type'),
  toAgent('type only on the prototype', '{"__proto__":{"type":"cancel","job":"x"}}'),
  toAgent('a very long type', { type: 'x'.repeat(500_000) }, 'unknown_type'),
  toAgent('byte order mark', `\uFEFF${JSON.stringify(ack)}`),
  toAgent('NUL before', `\0${JSON.stringify(ack)}`),
  toAgent('NUL in a field', { ...ack, job: `${id}\0` }),
  toAgent('cut', JSON.stringify(ack).slice(0, -1)),
  toAgent('two objects on one line', JSON.stringify(ack) + JSON.stringify(ack)),
  toAgent('line feed before', `\n${JSON.stringify(ack)}`),
  toAgent('body on an ack', `${JSON.stringify(ack)}\n{}`),
  toAgent('line feed after an ack', `${JSON.stringify(ack)}\n`),
  toAgent('body on a cancel', `${JSON.stringify({ type: 'cancel', job: id })}\n{}`),
  toAgent('empty body line', `${JSON.stringify({ type: 'rows', job: id, chunk: 0 })}\n{}\n\n{}`),
  toAgent('line feed after rows', `${JSON.stringify({ type: 'rows', job: id, chunk: 0 })}\n{}\n`),
  toAgent(
    'half a million empty lines',
    `${JSON.stringify({ type: 'rows', job: id, chunk: 0 })}${'\n'.repeat(500_000)}`,
  ),
  toAgent('carriage returns are white space', `${JSON.stringify(ack)}\r`, 'frame'),
  toAgent('lone surrogate in a field', `{"type":"cancel","job":"\uD800"}`),
  toAgent('escaped lone surrogate', '{"type":"cancel","job":"\\ud800"}'),
  toAgent('bad escape in a name', '{"type":"cancel","\\q":1}'),
  toAgent('control character in a name', `{"type":"draining","a\u0001":1}`),
  toAgent('one over the limit', 'x'.repeat(limits.frameBytes + 1), 'frame_too_large'),
  toAgent('at the limit, no JSON', 'x'.repeat(limits.frameBytes)),
  toAgent('at the limit, escaped quotes never closed', `"${'\\"'.repeat(limits.frameBytes / 2 - 1)}`),
  toAgent('at the limit, backslashes', `{"${'\\\\'.repeat(limits.frameBytes / 2 - 2)}`),
  toAgent('at the limit, names', `{"type":"cancel"${Array.from({ length: 90_000 }, (_, n) => `,"k${n}":1`).join('')}}`),
  toAgent('at the limit, opening brackets', '['.repeat(limits.frameBytes)),
  toAgent('at the limit, opening braces', '{"a":'.repeat(200_000)),
  toAgent('one level too deep', `{"type":"cancel","x":${'['.repeat(limits.jsonDepth)}${']'.repeat(limits.jsonDepth)}}`),
  toAgent('duplicated type', '{"type":"cancel","type":"rows"}'),
  toAgent('duplicated name, escaped', `{"type":"cancel","job":"${id}","\\u006aob":"${id}"}`),
  toAgent('sequence negative', { ...ack, sequence: -1 }),
  toAgent('sequence float', { ...ack, sequence: 1.5 }),
  toAgent('sequence beyond exact integers', JSON.stringify(ack).replace(':1,', ':9007199254740993,')),
  toAgent('sequence infinite', JSON.stringify(ack).replace(':1,', ':1e999,')),
  toAgent('sequence as text', { ...ack, sequence: '1' }),
  toAgent('digest in upper case', { ...ack, head: 'A'.repeat(64) }),
  toAgent('job id like a path', { ...ack, job: '../../x' }),
  toAgent('token over the limit', { type: 'job', token: 'a'.repeat(limits.tokenBytes + 1) }),
  toAgent('reconnect in a year', { type: 'reconnect', within_ms: 31_536_000_000 }),
  toAgent('heartbeat of zero', {
    type: 'welcome',
    protocol: 1,
    server_time: '2026-01-01T00:00:00Z',
    heartbeat_ms: 0,
    key_set_steps: [],
    jobs: [],
  }),
  toAgent('too many jobs in welcome', {
    type: 'welcome',
    protocol: 1,
    server_time: '2026-01-01T00:00:00Z',
    heartbeat_ms: 1_000,
    key_set_steps: [],
    jobs: Array.from({ length: 2 * limits.jobsPerAgent + 1 }, () => ({
      job: id,
      last_sequence: 0,
      head: digest,
      cancel: false,
    })),
  }),
  toAgent(
    '__proto__ member is only an unknown field',
    `{"type":"cancel","job":"${id}","__proto__":{"polluted":1}}`,
    'frame',
  ),
  toControlPlane('results from zero', { type: 'results', job: id, first_sequence: 0, head: digest }),
  toControlPlane('results after null', { type: 'results', job: id, first_sequence: 1, head: digest, after_loss: null }),
  toControlPlane('body on hello', `{"type":"credit","jobs":1,"chunks":1}\n{}`),
  toControlPlane('credit negative', { type: 'credit', jobs: -1, chunks: 0 }),
  toControlPlane('unknown error code', { type: 'job.quarantined', job: id, code: 'constructor' }),
  toControlPlane('rejected with a huge detail', {
    type: 'job.rejected',
    job: id,
    token_digest: digest,
    code: 'replayed',
    detail: 'x'.repeat(2_001),
  }),
  toControlPlane('statement over the limit', {
    type: 'job.finished',
    job: id,
    statement: 'a'.repeat(limits.smallTokenBytes + 1),
  }),
  toControlPlane('frame of the other direction', { type: 'welcome' }, 'unknown_type'),
];
