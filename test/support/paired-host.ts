// A real control plane and a real agent that is paired with it and welcomed, in one folder.
import { expect } from 'chai';
import { join } from 'node:path';
import { ControlPlane, Host, type HostOptions, type Program } from './programs.ts';

/** The caller ends both. */
export async function pairedHost(
  folder: string,
  options: HostOptions,
): Promise<{ plane: ControlPlane; host: Host; agent: Program }> {
  const plane = await new ControlPlane(join(folder, 'plane')).start();
  const host = await Host.make(join(folder, 'host'), plane.url, options);
  const paired = await host.pair(await plane.invite('host-1'));
  expect(paired.status, paired.stderr).to.equal(0);
  const agent = host.run();
  await agent.logged('link.welcomed');
  return { plane, host, agent };
}
