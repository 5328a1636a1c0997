// A rule taken out of a program: texts of one source file and what stands in their place.

export interface Mutation {
  /** From the root of the repository. */
  readonly file: string;
  readonly edits: readonly { readonly from: string; readonly to: string }[];
}

/** @throws when a text is not there exactly once: a mutant must not rot in silence. */
export function mutatedSource(source: string, { file, edits }: Mutation): string {
  let text = source;
  for (const { from, to } of edits) {
    const parts = text.split(from);
    if (parts.length !== 2) throw new Error(`${file} must hold this text once, found it ${parts.length - 1} times: ${from}`);
    text = parts.join(to);
  }
  return text;
}
