// Tokens that a hostile control plane, gateway, agent or network could send, each with the code that it must be refused with.
import { createHmac } from 'node:crypto';
import type { ErrorCode } from '../../../protocol/error-codes.ts';
import { tokenTypes } from '../../../protocol/jws.ts';
import { limits } from '../../../protocol/limits.ts';
import {
  type Pair,
  type Part,
  addGroupOrder,
  agent,
  forge,
  issuer,
  jobClaims,
  makePair,
  nowSeconds,
  otherAgent,
  part,
  someDigest,
} from './signing.ts';

/** Which reader the token is given to. */
type Reader = 'job' | 'session' | 'key_set' | 'finished' | 'pairing';

export interface HostileToken {
  readonly name: string;
  readonly reader: Reader;
  readonly token: string;
  readonly code: ErrorCode;
}

export interface Corpus {
  readonly root: Pair;
  readonly agentKey: Pair;
  /** A public key whose every signature equation holds (the neutral point); it must not verify anything. */
  readonly weak: Pair;
  readonly tokens: readonly HostileToken[];
}

const flip = (token: string): string => `${token.slice(0, -2)}${token.endsWith('AA') ? 'Q' : 'A'}A`;
const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

export async function hostileTokens(): Promise<Corpus> {
  const root = await makePair();
  const agentKey = await makePair();
  const stranger = await makePair();
  const point = Buffer.alloc(32);
  point[0] = 1;
  const weak: Pair = { ...stranger, publicKey: { ...stranger.publicKey, x: point.toString('base64url') } };
  const keys = { root, agentKey, stranger, weak };
  return { root, agentKey, weak, tokens: [...headers(keys), ...shapes(keys), ...claims(keys), ...others(keys)] };
}

interface Keys {
  readonly root: Pair;
  readonly agentKey: Pair;
  readonly stranger: Pair;
  readonly weak: Pair;
}

const hostile = (name: string, code: ErrorCode, token: string, reader: Reader = 'job'): HostileToken => ({
  name,
  reader,
  token,
  code,
});

function headers({ root, stranger, weak }: Keys): HostileToken[] {
  const good = { alg: 'Ed25519', typ: tokenTypes.job, kid: root.kid };
  const payload = jobClaims(issuer(root));
  const header = (name: string, value: Part, code: ErrorCode = 'token_malformed'): HostileToken =>
    hostile(`header: ${name}`, code, forge(value, payload, root.privateKey));
  const hmacInput = `${part({ ...good, alg: 'HS256' })}.${part(payload)}`;
  const hmac = createHmac('sha256', Buffer.from(root.publicKey.x, 'base64url')).update(hmacInput).digest('base64url');
  const weakInput = `${part({ ...good, kid: weak.kid })}.${part(payload)}`;
  const weakSignature = Buffer.alloc(64);
  weakSignature[0] = 1;
  return [
    header('alg none', { ...good, alg: 'none' }),
    hostile('header: alg none, no signature', 'token_malformed', `${part({ ...good, alg: 'none' })}.${part(payload)}.`),
    header('alg NONE', { ...good, alg: 'NONE' }),
    hostile('header: HS256 with the public key as secret', 'token_malformed', `${hmacInput}.${hmac}`),
    header('ES256', { ...good, alg: 'ES256' }),
    header('RS256', { ...good, alg: 'RS256' }),
    header('Ed448', { ...good, alg: 'Ed448' }),
    header('alg in lower case', { ...good, alg: 'ed25519' }),
    header('alg as a list', { ...good, alg: ['Ed25519'] }),
    header('no alg', { typ: good.typ, kid: good.kid }),
    header('no typ', { alg: good.alg, kid: good.kid }),
    header('no kid', { alg: good.alg, typ: good.typ }),
    ...[
      tokenTypes.session,
      tokenTypes.keySet,
      tokenTypes.pairing,
      tokenTypes.finished,
      'JWT',
      '',
      'IAM-AGENT-JOB+JWS',
    ].map((typ) => header(`typ "${typ}"`, { ...good, typ }, 'token_wrong_type')),
    header('kid of a stranger', { ...good, kid: stranger.kid }, 'token_unknown_key'),
    header('kid like a path', { ...good, kid: '../../etc/passwd' }),
    header('kid that is not text', { ...good, kid: 7 }),
    header('embedded jwk', { ...good, jwk: stranger.publicKey }),
    header('jku', { ...good, jku: 'https://attacker.example/keys' }),
    header('x5c', { ...good, x5c: ['AAAA'] }),
    header('x5u', { ...good, x5u: 'https://attacker.example/' }),
    header('crit', { ...good, crit: ['exp'], exp: 1 }),
    header('b64 false', { ...good, b64: false, crit: ['b64'] }),
    header('zip', { ...good, zip: 'DEF' }),
    header('cty', { ...good, cty: 'JWT' }),
    header('__proto__', `{"alg":"Ed25519","typ":"${good.typ}","kid":"${good.kid}","__proto__":{"a":1}}`),
    header('duplicated kid', `{"alg":"Ed25519","typ":"${good.typ}","kid":"${stranger.kid}","kid":"${good.kid}"}`),
    header('duplicated alg, escaped', `{"alg":"none","\\u0061lg":"Ed25519","typ":"${good.typ}","kid":"${good.kid}"}`),
    header('not UTF-8', Uint8Array.from([0x7b, 0xff, 0xfe, 0x7d])),
    header('byte order mark', `\uFEFF${JSON.stringify(good)}`),
    header('array', [good]),
    header('null', 'null'),
    header('too deep', nested(limits.jsonDepth + 1)),
    hostile('signed by a stranger', 'token_bad_signature', forge(good, payload, stranger.privateKey)),
    hostile('low-order public key', 'token_bad_signature', `${weakInput}.${weakSignature.toString('base64url')}`),
  ];
}

function shapes({ root }: Keys): HostileToken[] {
  const good = forge({ alg: 'Ed25519', typ: tokenTypes.job, kid: root.kid }, jobClaims(issuer(root)), root.privateKey);
  const [head = '', body = '', signature = ''] = good.split('.');
  const last = signature.slice(-1);
  const twin = last === 'A' ? 'B' : last === 'Q' ? 'R' : last === 'g' ? 'h' : 'x';
  const shape = (name: string, token: string, code: ErrorCode = 'token_malformed'): HostileToken =>
    hostile(`shape: ${name}`, code, token);
  return [
    shape('empty', ''),
    shape('one part', head),
    shape('two parts', `${head}.${body}`),
    shape('four parts', `${good}.${signature}`),
    shape('five parts (JWE)', `${head}.${body}.${signature}.${body}.${head}`),
    shape('no signature', `${head}.${body}.`),
    shape('no payload', `${head}..${signature}`),
    shape('no header', `.${body}.${signature}`),
    shape('leading blank', ` ${good}`),
    shape('line feed at the end', `${good}\n`),
    shape('blank within', `${head}. ${body}.${signature}`),
    shape('padding', `${good}==`),
    shape('standard base64 alphabet', `${head}.${body}.${signature.slice(0, -1)}+`),
    shape('NUL', `${head}.${body}\0.${signature}`),
    shape('JSON serialisation', JSON.stringify({ payload: body, protected: head, signature })),
    shape('unused bits of the signature set', `${good.slice(0, -1)}${twin}`),
    shape('S + L', addGroupOrder(good), 'token_bad_signature'),
    shape('signature changed', flip(good), 'token_bad_signature'),
    shape('signature cut', good.slice(0, -6), 'token_bad_signature'),
    shape('signature of 63 bytes', `${head}.${body}.${'A'.repeat(84)}`, 'token_bad_signature'),
    shape(
      'payload changed',
      `${head}.${part({ ...jobClaims(issuer(root)), action: 'delete_user' })}.${signature}`,
      'token_bad_signature',
    ),
    shape('payload cut', `${head}.${body.slice(0, -4)}.${signature}`, 'token_bad_signature'),
    shape('too large by one', 'a'.repeat(limits.tokenBytes + 1), 'token_too_large'),
    shape('50 MB', 'a.'.repeat(25_000_000), 'token_too_large'),
    shape('full size of dots', '.'.repeat(limits.tokenBytes)),
    shape('full size of quotes in the header', `${part('"\\"'.repeat(60_000))}.${body}.${signature}`),
  ];
}

function claims({ root }: Keys): HostileToken[] {
  const header = { alg: 'Ed25519', typ: tokenTypes.job, kid: root.kid };
  const good = jobClaims(issuer(root));
  const claim = (name: string, payload: Part, code: ErrorCode = 'token_bad_claims'): HostileToken =>
    hostile(`claims: ${name}`, code, forge(header, payload, root.privateKey));
  const text = JSON.stringify(good);
  const chunk = { rows: 2, digest: someDigest };
  return [
    claim('unknown claim', { ...good, admin: true }),
    claim('unknown option', { ...good, options: { max_items: 3 } }),
    claim('no action', { ...good, action: undefined }),
    claim('duplicated aud', text.replace('"aud"', '"aud":"host-2","aud"')),
    claim('duplicated key deep inside', text.replace('"PathPrefix"', '"PathPrefix":"/","PathPrefix"')),
    claim('duplicated key, escaped', text.replace('"sub"', '"\\u0073ub":"root","sub"')),
    claim('not UTF-8', Uint8Array.from([...Buffer.from(text.slice(0, -1)), 0xff, 0x7d])),
    claim('byte order mark', `\uFEFF${text}`),
    claim('too deep', text.replace('{"PathPrefix":"/{{ path }}/"}', nested(100))),
    claim('very deep', nested(90_000)),
    claim('array', [good]),
    claim('null', 'null'),
    claim('not JSON', 'iss=me'),
    claim('two values', `${text}${text}`),
    claim('__proto__ claim', text.replace('{', '{"__proto__":{"x":1},')),
    claim('__proto__ input', text.replace('"PathPrefix"', '"__proto__":{"x":1},"PathPrefix"')),
    claim('another issuer', { ...good, iss: `urn:iam-agent:control-plane:${'A'.repeat(43)}` }),
    claim('another audience', { ...good, aud: otherAgent }, 'token_wrong_audience'),
    claim('a list of audiences', { ...good, aud: [agent] }),
    claim('id of another version', { ...good, jti: '4f4f4f4f-4f4f-4f4f-8f4f-4f4f4f4f4f4f' }),
    claim('id like a path', { ...good, jti: '../../../etc/shadow' }),
    claim('count below the chunks', { ...good, rows: { count: 1, chunks: [chunk] } }),
    claim('count above the chunks', { ...good, rows: { count: 3, chunks: [chunk] } }),
    claim('negative chunk', { ...good, rows: { count: 2, chunks: [chunk, { ...chunk, rows: -2 }, chunk] } }),
    claim('a huge number of rows', { ...good, rows: { count: limits.jobRows + 1, chunks: [chunk] } }),
    claim('a huge chunk', { ...good, rows: { count: 5_000, chunks: [{ ...chunk, rows: 5_000 }] } }),
    claim('float time', text.replace(`"iat":${nowSeconds}`, `"iat":${nowSeconds}.5`)),
    claim('huge time', text.replace(`"exp":${nowSeconds + 600}`, '"exp":1e308')),
    claim('time as text', { ...good, exp: String(good.exp) }),
    claim('negative time', { ...good, iat: -1 }),
    claim('concurrency of zero', { ...good, options: { concurrency: 0 } }),
    claim('inputs that are a list', { ...good, inputs: [{ UserName: 'alice' }] }),
    claim('input with a name that is too long', { ...good, inputs: { ['U'.repeat(129)]: 'alice' } }),
    claim('digest in upper case', {
      ...good,
      rows: { count: 2, chunks: [{ rows: 2, digest: someDigest.toUpperCase() }] },
    }),
    claim('expired', { ...good, iat: nowSeconds - 700, exp: nowSeconds - 121 }, 'token_expired'),
    claim('not yet valid', { ...good, iat: nowSeconds + 121, exp: nowSeconds + 200 }, 'token_not_yet_valid'),
    claim('lives too long', { ...good, exp: nowSeconds + 601 }),
    claim('ends before it begins', { ...good, exp: nowSeconds - 1 }),
  ];
}

function others({ root, agentKey, stranger }: Keys): HostileToken[] {
  const iss = issuer(root);
  const sessionHeader = { alg: 'Ed25519', typ: tokenTypes.session, kid: agentKey.kid };
  const session = { iss: agent, sub: agent, aud: iss, iat: nowSeconds, exp: nowSeconds + 60, session: 7 };
  const ofSession = (name: string, code: ErrorCode, payload: Part, header: Part = sessionHeader): HostileToken =>
    hostile(`session: ${name}`, code, forge(header, payload, agentKey.privateKey), 'session');
  const entry = { kid: root.kid, key: root.publicKey, status: 'active' };
  const step = { iss, version: 2, keys: [entry] };
  const ofKeys = (name: string, code: ErrorCode, payload: Part, by = root): HostileToken =>
    hostile(
      `key set: ${name}`,
      code,
      forge({ alg: 'Ed25519', typ: tokenTypes.keySet, kid: by.kid }, payload, by.privateKey),
      'key_set',
    );
  const finished = {
    iss: agent,
    aud: iss,
    jti: '0197fb4c-6f6e-7000-8000-000000000001',
    token_digest: null,
    status: 'completed',
    rows: {},
    last_sequence: 0,
    head: someDigest,
    iat: nowSeconds,
  };
  const ofFinished = (name: string, code: ErrorCode, payload: Part, typ: string = tokenTypes.finished): HostileToken =>
    hostile(
      `finished: ${name}`,
      code,
      forge({ alg: 'Ed25519', typ, kid: agentKey.kid }, payload, agentKey.privateKey),
      'finished',
    );
  const answer = { iss, agent, agent_key: agentKey.kid, key_set: { ...step, version: 1 } };
  const ofPairing = (name: string, code: ErrorCode, payload: Part, by = root): HostileToken =>
    hostile(
      `pairing: ${name}`,
      code,
      forge({ alg: 'Ed25519', typ: tokenTypes.pairing, kid: by.kid }, payload, by.privateKey),
      'pairing',
    );
  return [
    ofSession('for another control plane', 'token_wrong_audience', {
      ...session,
      aud: `urn:iam-agent:control-plane:${'A'.repeat(43)}`,
    }),
    ofSession('iss and sub differ', 'token_bad_claims', { ...session, sub: otherAgent }),
    ofSession('lives too long', 'token_bad_claims', { ...session, exp: nowSeconds + 61 }),
    ofSession('ends before it begins', 'token_bad_claims', { ...session, exp: nowSeconds - 1 }),
    ofSession('expired', 'token_expired', { ...session, iat: nowSeconds - 200, exp: nowSeconds - 140 }),
    ofSession('not yet valid', 'token_not_yet_valid', { ...session, iat: nowSeconds + 130, exp: nowSeconds + 190 }),
    ofSession('counter zero', 'token_bad_claims', { ...session, session: 0 }),
    ofSession('counter beyond exact integers', 'token_bad_claims', { ...session, session: 2 ** 53 }),
    ofSession('a job token as bearer', 'token_wrong_type', session, { ...sessionHeader, typ: tokenTypes.job }),
    ofSession('a finished statement as bearer', 'token_wrong_type', session, {
      ...sessionHeader,
      typ: tokenTypes.finished,
    }),
    ofSession('unknown claim', 'token_bad_claims', { ...session, role: 'admin' }),
    ofKeys('skips a version', 'token_bad_claims', { ...step, version: 3 }),
    ofKeys('goes back', 'token_bad_claims', { ...step, version: 1 }),
    ofKeys(
      'signed by its own new key',
      'token_unknown_key',
      { ...step, keys: [{ ...entry, kid: stranger.kid, key: stranger.publicKey }] },
      stranger,
    ),
    ofKeys('no keys', 'token_bad_claims', { ...step, keys: [] }),
    ofKeys('17 keys', 'token_bad_claims', { ...step, keys: Array.from({ length: 17 }, () => entry) }),
    ofKeys('one key id twice', 'token_bad_claims', { ...step, keys: [entry, { ...entry, key: stranger.publicKey }] }),
    ofKeys('another issuer', 'token_bad_claims', { ...step, iss: `urn:iam-agent:control-plane:${'A'.repeat(43)}` }),
    ofKeys('carries a private key', 'token_bad_claims', { ...step, keys: [{ ...entry, key: stranger.privateKey }] }),
    ofFinished('by another agent', 'token_wrong_audience', { ...finished, iss: otherAgent }),
    ofFinished('negative count', 'token_bad_claims', { ...finished, rows: { succeeded: -1 } }),
    ofFinished('unknown outcome', 'token_bad_claims', { ...finished, rows: { won: 1 } }),
    ofFinished('with the typ of a session', 'token_wrong_type', finished, tokenTypes.session),
    ofPairing('for another key', 'token_wrong_audience', { ...answer, agent_key: stranger.kid }),
    ofPairing('key set of another issuer', 'token_bad_claims', {
      ...answer,
      key_set: { ...step, iss: `urn:iam-agent:control-plane:${'A'.repeat(43)}` },
    }),
    ofPairing('signed by a stranger', 'token_unknown_key', answer, stranger),
    ofPairing('agent id like a path', 'token_bad_claims', { ...answer, agent: '../root' }),
  ];
}
