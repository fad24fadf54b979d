import { redactedUrl } from './redacted-url.js';

it.each([
  ['https://host.example/1.json', 'https://host.example/1.json'],
  ['https://user:secret@host.example:8443/1#secret', 'https://host.example:8443/1'],
  [
    'https://bucket.example/1?X-Amz-Signature=secret&X-Amz-Expires=60&sig=secret',
    'https://bucket.example/1?X-Amz-Signature=REDACTED&X-Amz-Expires=REDACTED&sig=REDACTED',
  ],
  ['https://host.example/?secret', 'https://host.example/?secret=REDACTED'],
  ['ipfs://bafy/1.json', 'ipfs://bafy/1.json'],
  ['data:application/json;base64,c2VjcmV0', 'data:'],
  ['', undefined],
  ['no url', undefined],
])('a trace shows the URL %s without what may be secret', (url, shown) => {
  expect(redactedUrl(url)).toBe(shown);
});

it('a trace shows 2,048 characters of a long URL', () => {
  expect(redactedUrl(`https://host.example/${'a'.repeat(10_000)}`)).toHaveLength(2048);
});
