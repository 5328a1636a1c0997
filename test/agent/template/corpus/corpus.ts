// The corpus: every line of the text files here is a template. A line `## ...` is a heading, and the lines between `<<<` and `>>>` are one
// template of several lines.
import { readdirSync, readFileSync } from 'node:fs';
import { longTemplates } from './long-templates.ts';

const folder = new URL('./', import.meta.url);

function templatesOf(text: string): string[] {
  const templates: string[] = [];
  let several: string[] | null = null;
  for (const line of text.split('\n').slice(0, -1)) {
    if (line === '<<<') several = [];
    else if (line === '>>>') {
      templates.push((several ?? []).join('\n'));
      several = null;
    } else if (several !== null) several.push(line);
    else if (line !== '' && !line.startsWith('## ')) templates.push(line);
  }
  return templates;
}

/** Templates by theme, the theme being the name of the file. */
export const corpus: ReadonlyMap<string, readonly string[]> = new Map([
  ...readdirSync(folder)
    .filter((name) => name.endsWith('.txt'))
    .toSorted()
    .map((name) => [name.slice(0, -4), templatesOf(readFileSync(new URL(name, folder), 'utf8'))] as const),
  ['long', longTemplates],
]);

export const corpusTemplates: readonly string[] = [...corpus.values()].flat();
