// Policy documents come percent-encoded inside answers; boto3 hands out the parsed JSON. Decoding never throws: what does not parse stays
// as it was sent.
import { type Json, jsonFault, parseJson } from '../../protocol/json.ts';

/** Output members that hold a policy document, wherever they stand. */
export const policyMembers: ReadonlySet<string> = new Set([
  'Document',
  'PolicyDocument',
  'AssumeRolePolicyDocument',
  'AssumeRolePolicyDocumentTemplate',
]);

/** Deeper documents than this stay text: AWS accepts none. */
const maxDepth = 200;

/** Python's `urllib.parse.unquote`: a bad escape stays, bad UTF-8 becomes U+FFFD, a plus stays a plus. */
export function percentDecode(text: string): string {
  return text.replaceAll(/(?:%[0-9a-fA-F]{2})+/g, (run) => {
    const bytes = Uint8Array.from({ length: run.length / 3 }, (_none, index) =>
      Number.parseInt(run.slice(index * 3 + 1, index * 3 + 3), 16),
    );
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  });
}

export function decodePolicy(text: string): Json {
  const decoded = percentDecode(text);
  if (jsonFault(decoded, maxDepth) === 'too_deep') return text;
  try {
    return parseJson(decoded);
  } catch {
    return text;
  }
}
