// One session of an agent over a journal in memory and a wire that is only a list: what tests of agent/job/frame-in.ts and its steps start from.
import { nodeHashing } from '../../node/hashing.ts';
import { systemClock } from '../../agent/io/clock-system.ts';
import { sessionIntroduction } from '../../agent/introduction.ts';
import type { CallWaits } from '../../agent/iam/limiter-snapshot.ts';
import { Session } from '../../agent/job/frame-in.ts';
import type { Journal } from '../../agent/job/journal.ts';
import { TrustedTime } from '../../agent/job/trusted-time.ts';
import { TrustStore } from '../../agent/job/trust-store.ts';
import { encodeFrame } from '../../protocol/codec.ts';
import type { FrameToAgent } from '../../protocol/frames-to-agent.ts';
import type { FrameToControlPlane } from '../../protocol/frames-to-control-plane.ts';
import { agentIdSchema } from '../../protocol/ids.ts';
import type { KeySet } from '../../protocol/key-set.ts';
import { protocolVersion } from '../../protocol/version.ts';
import { aConnection, jobFixture } from './job-fixture.ts';
import { answerOf, ScriptedCaller } from './scripted-caller.ts';

export const sessionAgent = agentIdSchema.parse('agent-1');
const empty = answerOf('ListAccessKeys', '<AccessKeyMetadata/><IsTruncated>false</IsTruncated>');

export type PlayedSession = ReturnType<typeof playSession>;

/** Every listing is empty; `says` gives the code that ends the session, if one does. */
export function playSession(keySet: KeySet, journal?: Journal) {
  const caller = new ScriptedCaller(() => empty);
  const fixture = jobFixture(caller, journal === undefined ? {} : { journal });
  const frames: FrameToControlPlane[] = [];
  const bodies: (readonly string[])[] = [];
  const heard: unknown[] = [];
  const { jobs } = fixture;
  const callWaits = new Map<string, CallWaits>();
  const session = new Session({
    jobs,
    journal: fixture.journal,
    hashing: nodeHashing,
    time: new TrustedTime(systemClock(), 0),
    trust: new TrustStore({ agent: sessionAgent, controlPlane: keySet.iss, keySet }, fixture.journal),
    events: (name, fields) => void fixture.events.push([name, fields]),
    drain: fixture.drain.signal,
    out: {
      open: true,
      send: (frame, body = []) => void (frames.push(frame), bodies.push(body)),
      ready: () => Promise.resolve(),
    },
    introduction: sessionIntroduction([aConnection], { version: '1.0.0', counter: 7, hashing: nodeHashing }),
    callWaits: () => callWaits,
    onWelcome: (frame) => heard.push(frame.type),
    onReconnect: (withinMs) => heard.push(withinMs),
    onFault: (error) => fixture.faults.push(error),
  });
  jobs.onDurable = (record) => session.advanced(record);
  const says = async (frame: FrameToAgent, body: readonly string[] = []): Promise<string | undefined> => {
    const verdict = await session.message(encodeFrame(frame, body));
    await session.settled();
    return verdict?.code;
  };
  const welcome = (change: Partial<Extract<FrameToAgent, { type: 'welcome' }>> = {}): Promise<string | undefined> =>
    says({
      type: 'welcome',
      protocol: protocolVersion,
      server_time: new Date().toISOString(),
      heartbeat_ms: 5_000,
      key_set_steps: [],
      jobs: [],
      ...change,
    });
  const types = (): string[] => frames.map(({ type }) => type);
  return { ...fixture, caller, session, frames, bodies, heard, says, welcome, types, callWaits };
}
