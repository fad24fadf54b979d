/** The largest edit distance of a typing error. */
const MAX_DISTANCE = 3;

/**
 * The most similar name, ignoring case, `-` and `_`. undefined if none is similar enough to be a typing error.
 */
export function nearestName(text: string, names: readonly string[]): string | undefined {
  const allowed = Math.min(MAX_DISTANCE, Math.floor(text.length / 3));
  const [nearest] = names
    .map((name) => ({ name, distance: editDistance(plain(text), plain(name)) }))
    .filter(({ distance }) => distance <= allowed)
    .toSorted((one, other) => one.distance - other.distance);
  return nearest?.name;
}

const plain = (name: string) => name.toLowerCase().replaceAll(/[-_]/g, '');

/** The Levenshtein distance. */
function editDistance(one: string, other: string): number {
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
