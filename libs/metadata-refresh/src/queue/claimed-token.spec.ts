import { aClaimedToken } from './claimed-token.fixtures.js';
import { withStored } from './claimed-token.js';

const token = aClaimedToken({ tokenId: '7' });
const stored = {
  collectionId: 'c',
  tokenId: '7',
  metadataUrl: 'https://api.example/7',
  etag: '"a"',
  lastModified: 'Wed, 21 Oct 2026 07:28:00 GMT',
  warnings: [],
  known: { row: 7 },
};

it('the claim of a token that has no record is unchanged: a picture may become its record', () => {
  expect(withStored(token, undefined)).toBe(token);
});

it('the claim of a token with a record asks whether the document at the same URL has changed', () => {
  expect(withStored(token, stored)).toEqual({
    ...token,
    validators: { url: stored.metadataUrl, etag: stored.etag, lastModified: stored.lastModified },
    hasDocument: true,
    known: stored.known,
  });
});

it('the claim of a token without a good response has what the store knows, and no validators', () => {
  expect(withStored(token, { ...stored, metadataUrl: null, etag: null, lastModified: null })).toEqual({
    ...token,
    known: stored.known,
  });
});

it('the claim of a record that was pushed knows its version, and why no fetch may replace it', () => {
  const pushed = { ...stored, metadataUrl: null, etag: null, lastModified: null, metadataVersion: 3 };
  expect(withStored(token, { ...pushed, keptAs: 'held' })).toMatchObject({ metadataVersion: 3, keptAs: 'held' });
});

it.each([
  [{ etag: null }, { url: stored.metadataUrl, lastModified: stored.lastModified }],
  [{ lastModified: null }, { url: stored.metadataUrl, etag: stored.etag }],
])('one validator is enough for a conditional request: without %o', (missing, validators) => {
  expect(withStored(token, { ...stored, ...missing }).validators).toEqual(validators);
});

it('a record without validators is fetched whole', () => {
  expect(withStored(token, { ...stored, etag: null, lastModified: null })).toEqual({
    ...token,
    hasDocument: true,
    known: stored.known,
  });
});

it.each([
  ['was made of a picture', ['media_instead_of_document'], false],
  ['was made of a document, whatever its other warnings', ['nested_image', 'unexpected_media_type'], true],
])('the claim knows that its record %s', (_, warnings, hasDocument) => {
  expect(withStored(token, { ...stored, warnings })).toMatchObject({ hasDocument });
});
