import { formatCursor, formatTokenCursor, parseCursor, parseTokenCursor } from './cursor.js';

const position = { createdAt: '2026-11-21T01:02:03.000001Z', id: '0b6f2d7c-5a55-4d2e-9a5e-111111111111' };
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('cursors', () => {
  it('a cursor is read as the position from which it was made, to the microsecond', () => {
    expect(parseCursor(formatCursor(position), 'uuid')).toEqual(position);
  });

  it.each([
    'x',
    '%%%',
    encode(null),
    encode([]),
    encode({ created_at: position.createdAt }),
    encode({ created_at: 'yesterday', id: position.id }),
    encode({ created_at: '2026-99-99T01:02:03.000001Z', id: position.id }),
    encode({ created_at: '2026-02-30T01:02:03.000001Z', id: position.id }),
    encode({ created_at: '0000-01-01T01:02:03.000001Z', id: position.id }),
    encode({ created_at: position.createdAt, id: "' or true --" }),
  ])('the text %j is refused as a cursor', (text) => {
    expect(parseCursor(text, 'uuid')).toBeNull();
  });

  it('a cursor of a list of tokens is read as the token id from which it was made', () => {
    const largest = (2n ** 256n - 1n).toString();

    expect(['0', '7', largest].map((tokenId) => parseTokenCursor(formatTokenCursor(tokenId)))).toEqual([
      '0',
      '7',
      largest,
    ]);
  });

  it.each(['x', encode(null), encode([]), encode({ token_id: 7 }), encode({ token_id: '-1' }), formatCursor(position)])(
    'the text %j is refused as a cursor of a list of tokens',
    (text) => {
      expect(parseTokenCursor(text)).toBeNull();
    },
  );
});
