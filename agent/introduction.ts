// What this host says of itself in hello: names and versions. A credential, a path or a reference value never comes near it.
import type { FrameToControlPlane } from '../protocol/frames-to-control-plane.ts';
import type { Hashing } from '../protocol/hashing.ts';
import { protocolVersion } from '../protocol/version.ts';
import type { Connection } from './connection.ts';
import { actions } from './iam/catalogue.ts';
import { allowedActions } from './job/allow-list.ts';

type Hello = Extract<FrameToControlPlane, { type: 'hello' }>;

/** Names in one hello beyond which connections point at one list of them. */
const maxNames = 2_000;

export function sessionIntroduction(
  connections: readonly Connection[],
  session: { version: string; counter: number; hashing: Hashing },
): Omit<Hello, 'jobs' | 'key_set_version'> {
  const inputs = actions.map((one) => [one.name, one.inputs.map(({ label, required }) => [label, required])]);
  return {
    type: 'hello',
    protocol: protocolVersion,
    agent_version: session.version,
    session: session.counter,
    ...offer(connections),
    catalogue_digest: session.hashing.sha256(JSON.stringify(inputs)),
  };
}

function offer(connections: readonly Connection[]): Pick<Hello, 'connections' | 'actions'> {
  const views = connections.map(({ label, region, allow }) => ({
    label,
    region,
    actions: allowedActions(allow, actions).map(({ name }) => name),
  }));
  if (views.reduce((sum, view) => sum + view.actions.length, 0) <= maxNames) return { connections: views };
  const names = [...new Set(views.flatMap((view) => view.actions))];
  const indexes = new Map(names.map((name, index) => [name, index]));
  return {
    connections: views.map((view) => ({
      ...view,
      actions: [],
      allowed: view.actions.flatMap((name) => indexes.get(name) ?? []),
    })),
    actions: names,
  };
}
