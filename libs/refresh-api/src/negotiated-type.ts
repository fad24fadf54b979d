/**
 * The media type that a client prefers among those offered, by its Accept header (RFC 9110, section 12.5.1); among equals, the first
 * one offered. null: it accepts none of them.
 */
export function negotiateType<Type extends string>(accept: string | undefined, offered: readonly Type[]): Type | null {
  // An empty header is one without a preference: some clients send it.
  const ranges = (accept?.trim() || '*/*').split(',').map(parseRange);
  const ranked = offered.map((type) => ({ type, quality: qualityOf(type, ranges) }));
  const best = ranked.reduce((one, other) => (other.quality > one.quality ? other : one));
  return best.quality > 0 ? best.type : null;
}

interface MediaRange {
  type: string;
  quality: number;
}

/** Parameters other than the quality are ignored, such as `charset`. */
function parseRange(text: string): MediaRange {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
  return { type, quality: quality === undefined ? 1 : Number(quality) || 0 };
}

/** The most specific range decides, whatever its quality. */
function qualityOf(type: string, ranges: readonly MediaRange[]): number {
  const [main] = type.split('/');
  for (const wanted of [type, `${main}/*`, '*/*']) {
    const matching = ranges.filter((range) => range.type === wanted);
    if (matching.length > 0) return Math.max(...matching.map(({ quality }) => quality));
  }
  return 0;
}
