/** How many blocks one call reads. */
export interface BlockSpan {
  blocks: number;
  /** What the provider allows, as it says; null: it did not say. */
  limit: number | null;
}

/** Growth with each call that reads a whole span. */
const GROWTH = 0.05;

/** After a call for this many blocks was refused. `maxBlocks`: what the node says; null: half of it is tried. */
export function shrunk(
  span: BlockSpan,
  requested: number,
  { maxBlocks, isFixed }: { maxBlocks: number | null; isFixed: boolean },
): BlockSpan {
  const blocks = Math.max(
    1,
    Math.min(maxBlocks ?? Infinity, requested - 1, maxBlocks ? Infinity : Math.floor(requested / 2)),
  );
  return { blocks, limit: isFixed ? blocks : span.limit };
}

/** After a call for this many blocks succeeded. Only a full one says that more may be possible. */
export function grown(span: BlockSpan, requested: number, maxBlocks: number): BlockSpan {
  if (requested < span.blocks) return span;
  const blocks = span.blocks + Math.max(1, Math.floor(span.blocks * GROWTH));
  return { ...span, blocks: Math.min(blocks, span.limit ?? Infinity, maxBlocks) };
}
