import { grown, shrunk, type BlockSpan } from './block-span.js';

const SPAN: BlockSpan = { blocks: 1000, limit: null };

it('a span shrinks to what the provider allows, and never grows beyond it', () => {
  const span = shrunk(SPAN, 1000, { maxBlocks: 500, isFixed: true });

  expect(span).toEqual({ blocks: 500, limit: 500 });
  expect(grown(span, 500, 1000)).toEqual({ blocks: 500, limit: 500 });
});

it('a span shrinks to a range that would work for these blocks, and grows slowly afterwards', () => {
  const span = shrunk(SPAN, 1000, { maxBlocks: 100, isFixed: false });

  expect(span).toEqual({ blocks: 100, limit: null });
  expect(grown(span, 100, 1000)).toEqual({ blocks: 105, limit: null });
});

it('without a number the half of what was requested is tried, down to one block', () => {
  const guess = { maxBlocks: null, isFixed: false };

  expect(shrunk(SPAN, 1000, guess).blocks).toBe(500);
  expect(shrunk(SPAN, 65, guess).blocks).toBe(32);
  expect(shrunk({ ...SPAN, blocks: 1 }, 1, guess).blocks).toBe(1);
});

it('a span grows only after a full one was read, and at most to the maximum', () => {
  expect(grown({ ...SPAN, blocks: 100 }, 64, 1000).blocks).toBe(100);
  expect(grown({ ...SPAN, blocks: 990 }, 990, 1000).blocks).toBe(1000);
  expect(grown({ ...SPAN, blocks: 1 }, 1, 1000).blocks).toBe(2);
});
