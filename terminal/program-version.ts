// The version of this package. Read from its manifest, so that there is one place to change.
import { readFileSync } from 'node:fs';

/** The nearest package.json above this file, from the sources as well as from a compiled copy. */
export function programVersion(): string {
  for (let folder = new URL('.', import.meta.url); ; folder = new URL('..', folder)) {
    const manifest = readManifest(new URL('package.json', folder));
    if (manifest !== null) return manifest;
    if (folder.pathname === '/') throw new Error('there is no package.json above the program');
  }
}

function readManifest(url: URL): string | null {
  try {
    const manifest: unknown = JSON.parse(readFileSync(url, 'utf8'));
    const named = typeof manifest === 'object' && manifest !== null && 'version' in manifest && 'name' in manifest;
    return named && manifest.name === 'iam-agent' && typeof manifest.version === 'string' ? manifest.version : null;
  } catch {
    return null;
  }
}
