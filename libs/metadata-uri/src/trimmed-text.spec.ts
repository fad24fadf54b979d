import { trimText } from './trimmed-text.js';

describe('trimming', () => {
  it.each([
    ['nothing', 'Lamp', 'Lamp'],
    ['all of it', ' \0\n', ''],
    ['no text at all', '', ''],
    ['white space', '\t Lamp\r\n', 'Lamp'],
    ['control characters of both blocks', '\0\u001f\u007fLamp\u0080\u009f', 'Lamp'],
    ['byte order marks', '\ufeff\ufeffLamp\ufeff', 'Lamp'],
    ['the spaces of Unicode', '\u00a0\u1680\u2000\u200aLamp\u2028\u2029\u202f\u205f\u3000', 'Lamp'],
    ['spaces without a width', '\u200bLamp\u2060', 'Lamp'],
    ['no joiner, no direction and no hyphen', '\u200d\u200eLamp\u00ad\u202e', '\u200d\u200eLamp\u00ad\u202e'],
    ['no letter beyond ASCII', '\u00a1Äé\u0101', '\u00a1Äé\u0101'],
    ['no character of two units', '🦊🦊', '🦊🦊'],
    ['nothing inside', 'a \0 b', 'a \0 b'],
  ])('trimming a text removes %s', (_, text, trimmed) => {
    expect(trimText(text)).toBe(trimmed);
  });

  it('trimming a text removes everything that JavaScript trims', () => {
    const spaces = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).filter((c) => !c.trim());

    expect(trimText(`${spaces.join('')}Lamp${spaces.join('')}`)).toBe('Lamp');
  });
});
