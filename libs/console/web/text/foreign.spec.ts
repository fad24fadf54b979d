import { beginningOf, firstCharacter, linkOf, segmentsOf } from './foreign.js';

it('characters that turn a line around, hide or end it are shown as marks [K34]', () => {
  expect(segmentsOf('gold\u202Egpj.exe')).toEqual([{ text: 'gold' }, { mark: 'U+202E' }, { text: 'gpj.exe' }]);
  expect(segmentsOf('\u0000\u200B\uFEFF')).toEqual([{ mark: 'U+0000' }, { mark: 'U+200B' }, { mark: 'U+FEFF' }]);
  expect(segmentsOf('a\u{E0041}\uD800')).toEqual([{ text: 'a' }, { mark: 'U+E0041' }, { mark: 'U+D800' }]);
});

it('markup, line feeds, other scripts and joined emoji are text as they are [K34]', () => {
  for (const text of ['<img src=x onerror=alert(1)>', 'two\nlines\tand a tab', 'Волшебник 魔法', '👨‍👩‍👧 family', '🏴‍☠️']) {
    expect(segmentsOf(text)).toEqual([{ text }]);
  }
  expect(segmentsOf('')).toEqual([]);
});

it('a text is not cut inside a character', () => {
  expect(beginningOf('ab😀c', 3)).toBe('ab');
  expect(beginningOf('ab😀c', 4)).toBe('ab😀');
  expect(beginningOf('abc', 3)).toBe('abc');
});

it('a text is not cut inside an emoji that consists of several, and a letter with endless marks is cut', () => {
  expect(beginningOf('ab👨‍👩‍👧 family', 5)).toBe('ab');
  expect(beginningOf('ab👨‍👩‍👧 family', 10)).toBe('ab👨‍👩‍👧');
  expect(beginningOf('🇫🇷🇩🇪', 6)).toBe('🇫🇷');
  expect(beginningOf(`Z${'\u0337'.repeat(10_000)}`, 60)).toBe(`Z${'\u0337'.repeat(59)}`);
});

it('the first character of a name is never half of an emoji', () => {
  expect(['Studio', '🏰 Games', '👨‍👩‍👧', ''].map(firstCharacter)).toEqual(['S', '🏰', '👨‍👩‍👧', '']);
});

it('only http and https without credentials are links, with the host in ASCII [K34]', () => {
  expect(linkOf('https://exаmple.org/1')).toEqual({ href: 'https://xn--exmple-4nf.org/1', host: 'xn--exmple-4nf.org' });
  for (const text of [
    'javascript:alert(1)',
    'data:text/html,x',
    'ipfs://bafy',
    'https://user:secret@a.example/',
    '//a',
    'x',
  ]) {
    expect(linkOf(text)).toBeNull();
  }
});

it('selectors that make a symbol an emoji are no marks', () => {
  expect(segmentsOf('❤️ ✔︎ \u3164')).toEqual([{ text: '❤️ ✔︎ ' }, { mark: 'U+3164' }]);
});
