// Letter case by Python's rules where JavaScript has no function for it.
import { codePoints, isCased } from './code-points.ts';

const isUpper = (char: string): boolean => /[\p{Uppercase}\p{Lt}]/u.test(char);

/** str.swapcase. */
export function swapCase(text: string): string {
  return codePoints(text)
    .map((char) => (isUpper(char) ? char.toLowerCase() : char.toUpperCase()))
    .join('');
}

/** str.istitle: every word starts with a capital and goes on in small letters, and there is one. */
export function isTitle(text: string): boolean {
  let inside = false;
  let found = false;
  for (const char of codePoints(text)) {
    const cased = isCased(char);
    if (cased && isUpper(char) === inside) return false;
    found ||= cased;
    inside = cased;
  }
  return found;
}
