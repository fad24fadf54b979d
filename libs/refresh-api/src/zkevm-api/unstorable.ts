/** Deeper than any real document, and safe for what reads it afterwards. */
const MAX_DEPTH = 64;

const depthRule = `must be at most ${MAX_DEPTH} levels deep`;
const numberRule = `must be a number from -(2^53 - 1) to 2^53 - 1, which JSON parsers read exactly: send others as text`;

export interface Unstorable {
  path: (string | number)[];
  rule: string;
}

/**
 * The first value of parsed JSON that cannot be stored as it was sent: a number that the parser has rounded, so that its digits are
 * lost, or a list or an object that is nested too deeply. null: there is none.
 */
export function unstorableIn(value: unknown, depth = 0): Unstorable | null {
  if (typeof value === 'number') return isExact(value) ? null : { path: [], rule: numberRule };
  if (typeof value !== 'object' || value === null) return null;
  if (depth === MAX_DEPTH) return { path: [], rule: depthRule };
  for (const [key, inner] of Object.entries(value)) {
    const found = unstorableIn(inner, depth + 1);
    if (found) return { ...found, path: [Array.isArray(value) ? Number(key) : key, ...found.path] };
  }
  return null;
}

function isExact(value: number): boolean {
  return Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}
