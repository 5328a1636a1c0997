/** Characters that are looked at: names are shorter, and the work grows with the product of both lengths. */
const longest = 128;

/** Levenshtein's distance, for "did you mean". */
export function editDistance(left: string, right: string): number {
  const [from, to] = [left.slice(0, longest), right.slice(0, longest)];
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}
