// What this host says of itself in hello: names and versions. A credential, a path or a reference value never comes near it.
import type { FrameToControlPlane } from '../protocol/frames-to-control-plane.ts';
import type { Hashing } from '../protocol/hashing.ts';
import { protocolVersion } from '../protocol/version.ts';
import type { Connection } from './connection.ts';
import { actions } from './iam/catalogue.ts';
import { allowedActions } from './job/allow-list.ts';

type Hello = Extract<FrameToControlPlane, { type: 'hello' }>;

export function sessionIntroduction(
  connections: readonly Connection[],
  session: { version: string; counter: number; hashing: Hashing },
): Omit<Hello, 'jobs' | 'key_set_version'> {
  const offered = actions.map(({ name, inputs }) => [name, inputs.map(({ label, required }) => [label, required])]);
  return {
    type: 'hello',
    protocol: protocolVersion,
    agent_version: session.version,
    session: session.counter,
    connections: connections.map(({ label, region, allow }) => ({
      label,
      region,
      actions: allowedActions(allow, actions).map(({ name }) => name),
    })),
    catalogue_digest: session.hashing.sha256(JSON.stringify(offered)),
  };
}
