import { readRetryAfterSeconds, parseRetryAfter } from './retry-after.js';

const now = new Date('2015-10-21T00:00:00Z');
const epoch = now.getTime() / 1000;

describe('Retry-After', () => {
  it.each([
    ['120', 120],
    ['0', 0],
    ['Wed, 21 Oct 2015 07:28:00 GMT', 26_880],
    ['999999999999', 86_400],
  ])('Retry-After %j asks for %i seconds [D9, D11, D13]', (value, seconds) => {
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
  ])('Retry-After %j asks for no delay [D12]', (value) => {
    expect(parseRetryAfter(value, now)).toBeUndefined();
  });

  it.each([
    ['Wednesday, 21-Oct-15 07:28:00 GMT', 26_880],
    ['Wed Oct 21 07:28:00 2015', 26_880],
    ['Wed Oct  21 07:28:00 2015', undefined],
    ['Sun Nov  1 00:00:00 2015', 86_400],
    ['Sunday, 06-Nov-94 08:49:37 GMT', undefined],
    ['Wednesday, 21 Oct 2015 07:28:00 GMT', undefined],
    ['Wed Oct 21 07:28:00 2015 CET', undefined],
  ])('Retry-After %j, in an obsolete date format, asks for %s seconds (H10)', (value, seconds) => {
    expect(parseRetryAfter(value, now)).toBe(seconds);
  });
});

describe('rate limit headers', () => {
  it.each<[Record<string, string>, number | undefined]>([
    [{ 'ratelimit-reset': '12' }, 12],
    [{ 'x-ratelimit-reset': '12' }, 12],
    [{ 'x-ratelimit-reset': '12.2' }, 13],
    [{ 'x-rate-limit-reset': '12' }, 12],
    [{ 'x-ratelimit-reset': String(epoch + 12) }, 12],
    [{ 'ratelimit-reset': String(epoch + 12) }, 12],
    [{ 'x-ratelimit-reset': String((epoch + 12) * 1000) }, 12],
    [{ 'x-ratelimit-reset': `${epoch + 11}.5` }, 12],
    [{ 'x-ratelimit-reset': 'Wed, 21 Oct 2015 00:00:12 GMT' }, 12],
    [{ 'x-ratelimit-reset': '999999999' }, 86_400],
    [{ 'x-ratelimit-reset': String(epoch + 999_999) }, 86_400],
    [{ 'x-ratelimit-reset': String(epoch - 12) }, undefined],
    [{ 'x-ratelimit-reset': 'soon' }, undefined],
    [{ 'x-ratelimit-reset': '-12' }, undefined],
    [{ 'x-ratelimit-reset': '12', 'x-ratelimit-remaining': '0' }, 12],
    [{ 'x-ratelimit-reset': '12', 'x-ratelimit-remaining': '57' }, undefined],
    [{ 'ratelimit-reset': '5', 'x-ratelimit-reset': '12' }, 5],
    [{ ratelimit: '"default";r=0;t=12' }, 12],
    [{ ratelimit: '"second";r=0;t=1, "day";r=0;t=300, "month";r=90;t=9999' }, 300],
    [{ ratelimit: '"default";r=50;t=12' }, undefined],
    [{ ratelimit: '"a, t=99";r=0;t=12' }, 12],
    [{ ratelimit: 'limit=10, remaining=0, reset=12' }, 12],
    [{ ratelimit: 'limit=10, remaining=5, reset=12' }, undefined],
    [{ ratelimit: 'rubbish' }, undefined],
    [{}, undefined],
  ])('rate limit headers %j ask for %s seconds (H9)', (headers, seconds) => {
    expect(readRetryAfterSeconds(headers, now)).toBe(seconds);
  });

  it.each([
    [{ 'retry-after': '7', 'ratelimit-reset': '12', ratelimit: '"default";r=0;t=12' }, 7],
    [{ 'retry-after': '0', 'x-ratelimit-reset': '12' }, 0],
    [{ 'retry-after': 'soon', 'x-ratelimit-reset': '12' }, 12],
  ])('rate limit headers count only without a valid Retry-After: %j (H9)', (headers, seconds) => {
    expect(readRetryAfterSeconds(headers, now)).toBe(seconds);
  });
});
