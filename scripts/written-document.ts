// A document that is made from sources: written, or with `--check` compared with what is there.
import { readFileSync, writeFileSync } from 'node:fs';
import { argv, exit, stderr } from 'node:process';

/** `path` from the project's root; `source` and `script` are named when the document is out of date. */
export function writeOrCheck(
  path: string,
  wanted: string,
  { source, script }: { readonly source: string; readonly script: string },
): void {
  const target = new URL(`../${path}`, import.meta.url);
  if (!argv.includes('--check')) writeFileSync(target, wanted);
  else if (readFileSync(target, 'utf8') !== wanted) {
    stderr.write(`${path} differs from ${source}: run node ${script}\n`);
    exit(1);
  }
}
