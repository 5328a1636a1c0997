// A copy of a host's folder, as a snapshot or a cloned disk has it. The socket that a killed agent leaves behind is no file to copy.
import { cp } from 'node:fs/promises';

export async function copyState(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, filter: (path) => !path.endsWith('agent.sock') });
}
