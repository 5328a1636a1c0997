// The daemon as it is to be shipped: one bundle, and V8's compile cache beside it, so that a start neither strips types nor compiles again.
// Packaging is not part of this repository yet; until then the bench makes the bundle itself, in a folder that goes with the run.
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'rolldown';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** As bin/iam-agent.mjs starts the sources. */
const flags = [
  '--disallow-code-generation-from-strings',
  '--expose-gc',
  '--max-semi-space-size=16',
  '--disable-warning=ExperimentalWarning',
  '--disable-sigusr1',
] as const;

/** Command line of the packaged daemon, without its own arguments. */
export async function packagedAgent(folder: string): Promise<readonly [command: string, ...args: string[]]> {
  await mkdir(folder, { recursive: true });
  // CommonJS: an `import` of a part of Node as a module reads every export of it, and some of those load what nobody asked for (fetch, streams).
  const names = { entryFileNames: 'iam-agent.cjs', chunkFileNames: '[name]-[hash].cjs' };
  const daemon = new Set<string>();
  await build({
    cwd: root,
    input: 'agent/main.ts',
    platform: 'node',
    logLevel: 'warn',
    plugins: [startOfDaemon(daemon)],
    output: {
      dir: folder,
      format: 'cjs',
      minify: true,
      codeSplitting: { groups: [{ name: 'daemon', test: (id) => daemon.has(id) }] },
      ...names,
    },
  });
  for (const name of await readdir(folder)) await onlyAscii(join(folder, name));
  await copyFile(join(root, 'package.json'), join(folder, 'package.json'));
  const start = join(folder, 'start.cjs');
  const cache = JSON.stringify(join(folder, 'cache'));
  await writeFile(start, `require('node:module').enableCompileCache(${cache});\nrequire('./iam-agent.cjs');\n`);
  return [process.execPath, ...flags, start];
}

/** Finds the modules that `run` always loads beyond main.ts: they go into one file, because each file takes a start a moment. */
function startOfDaemon(found: Set<string>): Plugin {
  return {
    name: 'start-of-daemon',
    buildEnd() {
      const walk = (id: string, into: Set<string>, but: ReadonlySet<string>): void => {
        if (into.has(id) || but.has(id)) return;
        into.add(id);
        for (const imported of this.getModuleInfo(id)?.importedIds ?? []) walk(imported, into, but);
      };
      const main = new Set<string>();
      walk(join(root, 'agent/main.ts'), main, new Set());
      walk(join(root, 'agent/cli/run.ts'), found, main);
    },
  };
}

/** V8 keeps a source with one character beyond Latin-1 at two bytes a character. */
async function onlyAscii(path: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  const escape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  await writeFile(path, text.replaceAll(/[^\0-\x7f]/g, escape));
}
