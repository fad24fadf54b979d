/** Changed, missing, surplus or exchanged letters that are still taken for a slip. */
const MAX_SLIPS = 3;

/**
 * The name that was probably meant: the most similar one, without regard to case, `-` and `_`. undefined where none is
 * similar enough to be a slip of the pen.
 */
export function nearestName(written: string, names: readonly string[]): string | undefined {
  const allowed = Math.min(MAX_SLIPS, Math.floor(written.length / 3));
  const [nearest] = names
    .map((name) => ({ name, slips: slipsBetween(plain(written), plain(name)) }))
    .filter(({ slips }) => slips <= allowed)
    .toSorted((one, other) => one.slips - other.slips);
  return nearest?.name;
}

const plain = (name: string) => name.toLowerCase().replaceAll(/[-_]/g, '');

/** Levenshtein's distance. Names are short, and compared only to explain a mistake. */
function slipsBetween(one: string, other: string): number {
  let previous = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let row = 1; row <= one.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const isSame = one[row - 1] === other[column - 1];
      current.push(Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + (isSame ? 0 : 1)));
    }
    previous = current;
  }
  return previous[other.length]!;
}
