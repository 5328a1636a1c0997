// A real agent, paired with a control plane that a test plays and with an AWS endpoint that answers from a script.
import { expect } from 'chai';
import { join } from 'node:path';
import { ControlPlanePeer } from './control-plane-peer.ts';
import { Host, type HostOptions, scratch } from './programs.ts';
import { type ScriptedEndpoint, startScriptedEndpoint } from './scripted-endpoint.ts';

export interface PairedAgent {
  readonly peer: ControlPlanePeer;
  readonly endpoint: ScriptedEndpoint;
  stop(): Promise<void>;
}

/** Resolves when the agent has been welcomed and has given its credit. */
export async function pairedAgent(options: Omit<HostOptions, 'endpoint'> = {}): Promise<PairedAgent> {
  const folder = await scratch();
  const peer = await ControlPlanePeer.start();
  const endpoint = await startScriptedEndpoint();
  const host = await Host.make(join(folder.path, 'host'), peer.url, { endpoint: endpoint.url, ...options });
  const paired = await host.pair(peer.invitation);
  expect(paired.status, paired.stderr).to.equal(0);
  const agent = host.run();
  await peer.frame('credit');
  return {
    peer,
    endpoint,
    stop: async () => {
      // The peer first: while it is there, its acknowledgements are waited for.
      await peer.stop();
      await agent.kill('SIGTERM');
      await endpoint.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}
