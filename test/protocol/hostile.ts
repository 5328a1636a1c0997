// Run by hostile.test.ts in a process of its own: prints for each hostile token and frame what became of it, the time and the memory it took.
import { decodeFrameToAgent, decodeFrameToControlPlane } from '../../protocol/codec.ts';
import { type Refusal, isRefusal } from '../../protocol/error-codes.ts';
import { verifyFinished } from '../../protocol/finished-statement.ts';
import { checkJobTime, verifyJob } from '../../protocol/job-token.ts';
import { applyKeySetStep } from '../../protocol/key-set.ts';
import { verifyPairing } from '../../protocol/pairing.ts';
import { verifySession } from '../../protocol/session-token.ts';
import type { Verify } from '../../protocol/signatures.ts';
import { nodeVerify } from '../../node/signatures.ts';
import { hostileFrames } from './corpus/hostile-frames.ts';
import { type Corpus, type HostileToken, hostileTokens } from './corpus/hostile-tokens.ts';
import { agent, issuer, nowMs } from './corpus/signing.ts';

/** With `verify` as the programs do it, without as everybody else. */
async function read(
  corpus: Corpus,
  { name, reader, token }: HostileToken,
  port: { verify?: Verify },
): Promise<Refusal | object> {
  const { root, agentKey, weak } = corpus;
  const controlPlane = issuer(root);
  const agentKeys = new Map([[agentKey.kid, agentKey.publicKey]]);
  switch (reader) {
    case 'job': {
      const { kid, publicKey } = name.includes('low-order') ? weak : root;
      const keys = new Map([[kid, publicKey]]);
      const job = await verifyJob(token, { agent, controlPlane, keys, ...port });
      return isRefusal(job) ? job : (checkJobTime(job.claims, nowMs) ?? job);
    }
    case 'session':
      return verifySession(token, { controlPlane, keys: agentKeys, nowMs, ...port });
    case 'key_set':
      return applyKeySetStep(
        { iss: controlPlane, version: 1, keys: [{ kid: root.kid, key: root.publicKey, status: 'active' }] },
        token,
        controlPlane,
      );
    case 'finished':
      return verifyFinished(token, { agent, controlPlane, keys: agentKeys, ...port });
    case 'pairing':
      return verifyPairing({ root: root.publicKey, answer: token }, { fingerprint: root.kid, agentKey: agentKey.kid });
    default:
      return reader satisfies never;
  }
}

async function measured(name: string, expected: string, work: () => Promise<string> | string): Promise<void> {
  const before = process.memoryUsage().rss;
  // The time that this thread worked: on a busy machine the wall clock measures the others.
  const start = process.threadCpuUsage();
  let found: string;
  try {
    found = await work();
  } catch (error) {
    found = `threw ${String(error)}`;
  }
  const used = process.threadCpuUsage(start);
  const tookMs = (used.user + used.system) / 1_000;
  const grownBytes = process.memoryUsage().rss - before;
  process.stdout.write(`${JSON.stringify({ name, expected, found, tookMs, grownBytes })}\n`);
}

const corpus = await hostileTokens();
for (const [kind, port] of [
  ['token', {}],
  ['token, verified at once', { verify: nodeVerify }],
] as const)
  for (const hostile of corpus.tokens)
    await measured(`${kind}: ${hostile.name}`, hostile.code, async () => {
      const result = await read(corpus, hostile, port);
      return isRefusal(result) ? result.code : 'trusted';
    });
for (const frame of hostileFrames)
  await measured(`frame: ${frame.name}`, frame.expected, () => {
    const decoded = frame.reader === 'agent' ? decodeFrameToAgent(frame.text) : decodeFrameToControlPlane(frame.text);
    return isRefusal(decoded) ? decoded.code : decoded.kind;
  });
const polluted = Object.keys(Object.prototype).length > 0 || 'polluted' in {};
await measured('the prototype of all objects', 'clean', () => (polluted ? 'polluted' : 'clean'));
