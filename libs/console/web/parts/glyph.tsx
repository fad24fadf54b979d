const SIZE = 5;
const CELL = 32 / SIZE;

/** Drawn from a content hash: the same content has the same glyph, and another content another one. Neutral without a document. */
export function Glyph({ seed, size = 32 }: { seed: string | null; size?: number }) {
  const bytes = seed === null ? null : bytesOf(seed);
  const hue = bytes ? ((bytes[0]! * 256 + bytes[1]!) * 360) / 65_536 : 0;
  const [ground, ink] = bytes
    ? [`oklch(0.72 0.05 ${hue} / 0.28)`, `oklch(0.66 0.11 ${hue})`]
    : ['oklch(0.6 0.01 260 / 0.18)', 'oklch(0.6 0.01 260 / 0.35)'];
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" shape-rendering="crispEdges">
      <rect width="32" height="32" fill={ground} />
      <g fill={ink}>
        {(bytes ? cellsOf(bytes) : [12]).map((cell) => (
          <rect key={cell} x={(cell % SIZE) * CELL} y={Math.floor(cell / SIZE) * CELL} width={CELL} height={CELL} />
        ))}
      </g>
    </svg>
  );
}

/** The left half is drawn from the bytes, and the right half is its mirror. */
function cellsOf(bytes: readonly number[]): number[] {
  const cells: number[] = [];
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < 3; x++) {
      if (bytes[2 + y * 3 + x]! % 2 === 0) continue;
      cells.push(y * SIZE + x);
      if (x < 2) cells.push(y * SIZE + SIZE - 1 - x);
    }
  }
  return cells;
}

/** 17 bytes that depend on every character. Seeds are hashes, addresses or ids. */
function bytesOf(seed: string): number[] {
  let state = 2_166_136_261;
  for (const character of seed) state = Math.imul(state ^ character.codePointAt(0)!, 16_777_619);
  return Array.from({ length: 17 }, () => {
    state = Math.imul(state ^ (state >>> 15), 2_246_822_519) ^ (state >>> 13);
    return (state >>> 8) & 255;
  });
}
