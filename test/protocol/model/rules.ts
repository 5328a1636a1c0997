// The rules under test: the real modules of protocol/, or a copy of their sources with one textual edit (a mutant).
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export type RuleFile = 'agent-job.ts' | 'control-plane-job.ts' | 'session.ts' | 'credit.ts' | 'digest-chain.ts';

export interface Rules {
  readonly agent: typeof import('../../../protocol/agent-job.ts');
  readonly controlPlane: typeof import('../../../protocol/control-plane-job.ts');
  readonly session: typeof import('../../../protocol/session.ts');
  readonly credit: typeof import('../../../protocol/credit.ts');
  readonly chain: typeof import('../../../protocol/digest-chain.ts');
}

/** These modules import nothing at run time, which is what lets a copy of them alone be loaded. */
const files: readonly RuleFile[] = [
  'agent-job.ts',
  'control-plane-job.ts',
  'session.ts',
  'credit.ts',
  'digest-chain.ts',
];
const protocolFolder = fileURLToPath(new URL('../../../protocol/', import.meta.url));

async function load(folder: string): Promise<Rules> {
  const from = async (file: RuleFile): Promise<never> =>
    (await import(pathToFileURL(join(folder, file)).href)) as never;
  return {
    agent: await from('agent-job.ts'),
    controlPlane: await from('control-plane-job.ts'),
    session: await from('session.ts'),
    credit: await from('credit.ts'),
    chain: await from('digest-chain.ts'),
  };
}

export function realRules(): Promise<Rules> {
  return load(protocolFolder);
}

export function timesFound(edit: { file: RuleFile; find: string }): number {
  return readFileSync(join(protocolFolder, edit.file), 'utf8').split(edit.find).length - 1;
}

export async function mutatedRules(edit: { file: RuleFile; find: string; replace: string }): Promise<Rules> {
  const folder = mkdtempSync(join(tmpdir(), 'iam-agent-mutant-'));
  try {
    mkdirSync(folder, { recursive: true });
    for (const file of files) copyFileSync(join(protocolFolder, file), join(folder, file));
    const source = readFileSync(join(folder, edit.file), 'utf8');
    writeFileSync(
      join(folder, edit.file),
      source.replace(edit.find, () => edit.replace),
    );
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    return await load(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
