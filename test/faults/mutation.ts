// A rule taken out of a program: texts of its sources and what stands in their place.

interface Edit {
  /** From the root of the repository. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export type Mutation = readonly Edit[];

/** @throws when a text is not there exactly once: a mutant must not rot in silence. */
export function mutatedSource(source: string, file: string, mutation: Mutation): string {
  let text = source;
  for (const edit of mutation) {
    if (edit.file !== file) continue;
    const parts = text.split(edit.from);
    if (parts.length !== 2)
      throw new Error(`${file} must hold this text once, found it ${parts.length - 1} times: ${edit.from}`);
    text = parts.join(edit.to);
  }
  return text;
}
