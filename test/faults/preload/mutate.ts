// Loaded into a program before its own code: replaces texts of one source file as it is loaded. FAULTS_MUTANT is
// `{ "file": path from the root, "edits": [{ "from", "to" }] }`; each text must be there exactly once.
import { registerHooks } from 'node:module';
import { mutatedSource, type Mutation } from '../mutation.ts';

const mutation = JSON.parse(process.env['FAULTS_MUTANT'] ?? '') as Mutation;
const target = new URL(`../../../${mutation.file}`, import.meta.url).href;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (url !== target || loaded.source === undefined || loaded.source === null) return loaded;
    const { source } = loaded;
    const text = typeof source === 'string' ? source : Buffer.from(source as Uint8Array).toString('utf8');
    return { ...loaded, source: mutatedSource(text, mutation) };
  },
});
