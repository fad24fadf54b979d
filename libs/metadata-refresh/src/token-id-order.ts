/** The numeric order of token ids, which are decimal digits without leading zeros. */
export function compareTokenIds(one: string, other: string): number {
  if (one.length !== other.length) return one.length - other.length;
  return one < other ? -1 : Number(one > other);
}
