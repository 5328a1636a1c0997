// Loaded into a program before its own code: replaces texts of its sources as they are loaded. FAULTS_MUTANT is a `Mutation` as JSON.
import { registerHooks } from 'node:module';
import { mutatedSource, type Mutation } from '../mutation.ts';

const mutation = JSON.parse(process.env['FAULTS_MUTANT'] ?? '') as Mutation;
const root = new URL('../../../', import.meta.url).href;
const files = new Set(mutation.map(({ file }) => file));

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const file = url.startsWith(root) ? url.slice(root.length) : '';
    if (!files.has(file) || loaded.source === undefined || loaded.source === null) return loaded;
    const { source } = loaded;
    const text = typeof source === 'string' ? source : Buffer.from(source as Uint8Array).toString('utf8');
    return { ...loaded, source: mutatedSource(text, file, mutation) };
  },
});
