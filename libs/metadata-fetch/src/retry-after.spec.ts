import { parseRetryAfter } from './retry-after.js';

const now = new Date('2015-10-21T00:00:00Z');

describe('Retry-After', () => {
  it.each([
    ['120', 120],
    ['0', 0],
    ['Wed, 21 Oct 2015 07:28:00 GMT', 26_880],
    ['999999999999', 86_400],
  ])('%j asks for %i seconds [D9, D11, D13]', (value, seconds) => {
    expect(parseRetryAfter(value, now)).toBe(seconds);
  });

  it.each([
    undefined,
    '',
    'soon',
    '-5',
    '1.5',
    '1e3',
    'Tue, 20 Oct 2015 07:28:00 GMT',
    'Wed, 99 Oct 2015 07:28:00 GMT',
  ])('%j asks for nothing [D12]', (value) => {
    expect(parseRetryAfter(value, now)).toBeUndefined();
  });
});
