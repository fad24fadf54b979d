/** Consecutive token ids: `ids(3)` are 1, 2 and 3. */
export function ids(count: number, from = 1): string[] {
  return Array.from({ length: count }, (_, index) => String(from + index));
}
