import { sanitizeForPostgres } from './sanitize-for-postgres.js';

describe('sanitizing JSON text', () => {
  it.each([
    ['an ordinary text', '{"a":"b"}'],
    ['an escaped pair', String.raw`"\ud83e\udd8a"`],
    ['an escaped pair in upper case', String.raw`"\uD83E\uDD8A"`],
    ['a raw pair', '"🦊"'],
    ['a backslash before u0000', String.raw`"\\u0000"`],
    ['a backslash before half a character', String.raw`"\\\\ud83e"`],
    ['other escapes', String.raw`"\n\"\u00e9\ue000"`],
    ['an escape that is no JSON', String.raw`"\u000 \ud83"`],
  ])('sanitizing JSON text keeps %s unchanged', (_, text) => {
    expect(sanitizeForPostgres(text)).toBe(text);
  });

  it.each([
    ['a NUL [C18]', '"a\0b"', '"a\ufffdb"'],
    ['an escaped NUL [C18]', String.raw`"a\u0000b"`, String.raw`"a\ufffdb"`],
    ['an escaped NUL after a backslash', String.raw`"\\\u0000"`, String.raw`"\\\ufffd"`],
    ['half a character [C19]', '"\ud83e"', '"\ufffd"'],
    ['an escaped first half [C19]', String.raw`"\ud83e."`, String.raw`"\ufffd."`],
    ['an escaped second half [C19]', String.raw`"\udd8a"`, String.raw`"\ufffd"`],
    ['halves in the wrong order', String.raw`"\udd8a\ud83e"`, String.raw`"\ufffd\ufffd"`],
    ['two first halves', String.raw`"\ud83e\ud83e\udd8a"`, String.raw`"\ufffd\ud83e\udd8a"`],
    ['a key', String.raw`{"\u0000":1}`, String.raw`{"\ufffd":1}`],
  ])('sanitizing JSON text replaces %s', (_, text, storable) => {
    expect(sanitizeForPostgres(text)).toBe(storable);
  });
});
